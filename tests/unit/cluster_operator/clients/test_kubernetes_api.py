"""The client against a server of HTTP that is busy, slow, or gone: what is sent again, how often, and after which wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from kubernetes.aio.client.configuration import Configuration
from multidict import CIMultiDict

from quorate_operator.clients.errors import ApiFailure, ApiUnreachable
from quorate_operator.clients.kubernetes_api import ASKED_S_MAX, ATTEMPTS_MAX, JITTER, RETRY_AFTER_S_MAX, RETRY_AFTER_S_MIN, KubernetesApi

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def busy(retry_after: str | None) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(status=429, headers=headers, text="Too many requests, please try again later.\n")

    return answer


async def well(_: web.Request) -> web.Response:
    return web.json_response({"kind": "ConfigMap", "metadata": {"name": "x"}})


async def hangs_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@dataclass
class Server:
    """Gives its answers one after the other, the last one for ever."""

    answers: list[Answer] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.seen.append(f"{request.method} {request.path}")
        return await (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])(request)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def api(server: Server) -> AsyncIterator[KubernetesApi]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    made = KubernetesApi(configuration)
    made.sleep = server.sleep
    yield made
    await made.close()
    await runner.cleanup()


async def ask(api: KubernetesApi) -> object:
    return await api.get("ConfigMap", "shop", "x")


async def test_what_is_refused_for_a_moment_is_sent_again_after_it(api: KubernetesApi, server: Server) -> None:
    server.answers = [busy("1"), busy("2"), well]
    assert await ask(api) is not None
    assert (api.calls, api.retries) == (3, 2)
    assert 1 <= server.waits[0] <= 1 + JITTER and 2 <= server.waits[1] <= 2 * (1 + JITTER)


async def test_a_write_was_not_looked_at_either_and_is_sent_again(api: KubernetesApi, server: Server) -> None:
    server.answers = [busy("1"), well]
    item = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "shop"}}
    await api.apply(item)
    assert server.seen == ["PATCH /api/v1/namespaces/shop/configmaps/x"] * 2


async def test_a_server_that_stays_busy_is_left_alone_after_a_few(api: KubernetesApi, server: Server) -> None:
    server.answers = [busy("1")]
    with pytest.raises(ApiFailure) as refused:
        await ask(api)
    assert len(server.seen) == ATTEMPTS_MAX and len(server.waits) == ATTEMPTS_MAX - 1
    assert refused.value.busy and refused.value.retry_after_s == 1 and "please try again later" in str(refused.value)


async def test_no_wait_at_all_is_none_that_makes_a_hot_loop(api: KubernetesApi, server: Server) -> None:
    server.answers = [busy("0"), well]
    await ask(api)
    assert server.waits[0] >= RETRY_AFTER_S_MIN


@pytest.mark.parametrize(
    ("retry_after", "told"),
    [
        (str(int(RETRY_AFTER_S_MAX) + 1), RETRY_AFTER_S_MAX + 1),
        ("99999999999", ASKED_S_MAX),
        (None, 0.0),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
    ],
)
async def test_a_longer_wait_is_the_callers_and_bounded(api: KubernetesApi, server: Server, retry_after: str | None, told: float) -> None:
    server.answers = [busy(retry_after)]
    with pytest.raises(ApiFailure) as refused:
        await ask(api)
    assert (len(server.seen), server.waits, refused.value.retry_after_s) == (1, [], told)


async def test_an_eviction_that_a_budget_forbids_is_decided_on_anew(api: KubernetesApi, server: Server) -> None:
    server.answers = [busy("1"), well]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "orders-0", "namespace": "shop"}}
    with pytest.raises(ApiFailure):
        await api.create(eviction, ("orders-0", "eviction"))
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [409, 410, 500, 503])
async def test_what_may_have_been_looked_at_is_not_sent_again_by_itself(api: KubernetesApi, server: Server, status: int) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({"reason": "Gone", "message": "too old"}, status=status, headers={"Retry-After": "1"})

    server.answers = [answer]
    with pytest.raises(ApiFailure) as refused:
        await ask(api)
    assert len(server.seen) == 1 and (refused.value.status, refused.value.reason) == (status, "Gone")


async def test_a_connection_that_ends_is_a_server_that_did_not_answer(api: KubernetesApi, server: Server) -> None:
    server.answers = [hangs_up]
    with pytest.raises(ApiUnreachable):
        await ask(api)
    server.answers = [well]
    assert await ask(api) is not None, "and the next call is a new connection"


async def test_warnings_beside_an_answer_and_beside_a_refusal_are_told(api: KubernetesApi, server: Server) -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.json_response({}, status=statuses.pop(0), headers=CIMultiDict([("Warning", '299 - "one"'), ("Warning", '299 - "two"')]))

    told: list[str] = []
    statuses, api.warned, server.answers = [200, 422], told.append, [answer]
    await ask(api)
    assert told == ["one", "two"]
    with pytest.raises(ApiFailure):
        await ask(api)
    assert told == ["one", "two"] * 2


async def test_many_that_were_refused_together_do_not_come_back_together(api: KubernetesApi, server: Server) -> None:
    server.answers = [*[busy("1")] * 20, well]
    await asyncio.gather(*(ask(api) for _ in range(20)), return_exceptions=True)
    assert len(set(server.waits)) == len(server.waits) >= 20


async def paged(request: web.Request) -> web.Response:
    page = int(request.query.get("continue") or 0)
    following = {"continue": str(page + 1)} if page < 2 else {}
    return web.json_response({"metadata": following, "items": [{"metadata": {"name": f"pod-{page}", "namespace": "shop"}}]})


async def test_a_packed_list_has_all_pages(api: KubernetesApi, server: Server) -> None:
    server.answers = [paged]
    assert [each.name for each in await api.list_packed("Pod", label="quorate.io/cluster")] == ["pod-0", "pod-1", "pod-2"]


async def not_json(_: web.Request) -> web.Response:
    return web.Response(text="<html>somebody in between</html>")


async def test_a_packed_list_that_is_none_says_so(api: KubernetesApi, server: Server) -> None:
    server.answers = [not_json]
    with pytest.raises(ApiUnreachable, match="GET /api/v1/pods: the answer is no JSON"):
        await api.list_packed("Pod")
