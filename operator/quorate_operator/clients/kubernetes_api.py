"""The API server, in plain objects: lists, server-side apply, and deletes that name what exactly they mean to delete."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import aiohttp
import msgspec
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

from quorate_operator.clients.errors import ApiFailure, ApiUnreachable, in_words
from quorate_operator.clients.kinds import KINDS
from quorate_operator.clients.packed import Packed, page_of
from quorate_operator.clients.warnings import texts
from quorate_operator.objects.identity import MANAGER, Object

PAGE_OBJECTS = 500
TIMEOUT_S = 20.0
ATTEMPTS_MAX = 3
TOO_MANY_REQUESTS = 429
RETRY_AFTER_S_MIN = 0.1
RETRY_AFTER_S_MAX = 3.0
"""What the API server asks for is waited for here up to this long; longer waits are the caller's, who may find something better to do."""
ASKED_S_MAX = 60.0
JITTER = 0.5
"""Of a wait, up to so much more: all that were refused at the same moment were told the same number."""
ANSWER_BYTES_MAX = 64 << 20
MERGE = "application/merge-patch+json"
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
"""Of nodes only names and labels are of interest, and a node's whole object is tens of kilobytes."""


async def configured(context: str = "") -> Configuration:
    """As a pod's ServiceAccount, else as KUBECONFIG says. Raises `ApiUnreachable` when there is neither."""
    configuration = Configuration()
    try:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        # A pod reaches its API server directly; to look for a proxy and a netrc took a tenth of all the operator's time.
        configuration.client_session_kwargs = {"trust_env": False}
    except ConfigException:
        try:
            await load_kube_config(context=context or None, client_configuration=configuration)  # type: ignore[no-untyped-call]
        except (ConfigException, OSError) as wrong:
            raise ApiUnreachable(f"neither a pod's ServiceAccount nor a kubeconfig is here ({wrong}): name one with KUBECONFIG") from wrong
    return configuration


class KubernetesApi:
    """Raises `ApiFailure` and `ApiUnreachable` from every call. One session; close it with `close`."""

    def __init__(self, configuration: Configuration, manager: str = MANAGER) -> None:
        """`manager`: who is written down as having set a field, by all calls but `apply`."""
        self._client = ApiClient(configuration)
        self._manager = manager
        self.calls = 0
        self.writes = 0
        self.retries = 0
        self.warned: Callable[[str], None] = lambda _: None
        """Called with each warning that comes beside an answer."""
        self.sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]

    async def list(self, kind: str, namespace: str = "", *, label: str = "", field: str = "", accept: str = "") -> list[Object]:
        """All of them, page by page. An empty `namespace`: of the whole cluster."""
        found: list[Object] = []
        query = _page_query(label, field)
        while True:
            headers = {"Accept": accept} if accept else {}
            page = await self._call("GET", KINDS[kind].path(namespace), query=query, headers=headers)
            items = page.get("items", [])
            for item in items:
                # Who has set which field: half of every object, and nobody here reads it.
                item["metadata"].pop("managedFields", None)
            found += items
            query["continue"] = page.get("metadata", {}).get("continue", "")
            if not query["continue"]:
                return found

    async def list_packed(self, kind: str, namespace: str = "", *, label: str = "") -> Sequence[Packed]:
        """The same, for lists of which most is not looked at."""
        found: list[Packed] = []
        query, path = _page_query(label), KINDS[kind].path(namespace)
        while True:
            data = await self._send("GET", path, query=query)
            try:
                page, query["continue"] = page_of(kind, data)
            except msgspec.MsgspecError as wrong:
                raise _no_json("GET", path, wrong) from wrong
            found += page
            if not query["continue"]:
                return found

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """None when it is not there."""
        try:
            return await self._call("GET", KINDS[kind].path(namespace, name))
        except ApiFailure as failure:
            if failure.status == 404:
                return None
            raise

    async def apply(self, item: Object, subresource: str = "") -> Object:
        """Server-side apply with the one field manager, which takes over what others have set of it. Returns the live object."""
        metadata = item["metadata"]
        path = KINDS[item["kind"]].path(metadata.get("namespace", ""), metadata["name"], subresource)
        query = {"fieldManager": MANAGER, "force": "true"}
        return await self._call("PATCH", path, query=query, headers={"Content-Type": APPLY}, body=item)

    async def create(self, item: Object, subresource_of: tuple[str, str] | None = None, *, dry_run: bool = False) -> Object:
        """`subresource_of`: name of the object and of its subresource, for what is asked for by creating (an eviction). `dry_run`: all is
        judged and nothing kept."""
        kind, namespace = "Pod" if subresource_of else item["kind"], item["metadata"].get("namespace", "")
        name, subresource = subresource_of or ("", "")
        path = KINDS[kind].path(namespace, name, subresource)
        query = {"fieldManager": self._manager, "dryRun": "All" if dry_run else ""}
        # An eviction that a budget forbids is refused with the same status: that lasts, and is decided on anew.
        return await self._call("POST", path, query=query, body=item, attempts=1 if subresource == "eviction" else ATTEMPTS_MAX)

    async def patch(self, kind: str, namespace: str, name: str, body: Object, *, subresource: str = "", media: str = MERGE) -> Object:
        """With `metadata.uid` and `resourceVersion` in the body the API server refuses (409) when it is not that very object any more."""
        path = KINDS[kind].path(namespace, name, subresource)
        return await self._call("PATCH", path, query={"fieldManager": self._manager}, headers={"Content-Type": media}, body=body)

    async def replace(self, item: Object, subresource: str = "") -> Object:
        """Refused (409) when somebody else has changed it since it was read."""
        metadata = item["metadata"]
        path = KINDS[item["kind"]].path(metadata.get("namespace", ""), metadata["name"], subresource)
        return await self._call("PUT", path, query={"fieldManager": self._manager}, body=item)

    async def delete(self, kind: str, namespace: str, name: str, uid: str, *, orphan: bool = False) -> None:
        """Deletes this very object. `orphan`: what it owns stays."""
        body: Object = {"preconditions": {"uid": uid}, "propagationPolicy": "Orphan" if orphan else "Background"}
        await self._call("DELETE", KINDS[kind].path(namespace, name), body=body)

    async def logs(self, namespace: str, pod: str, container: str, *, lines: int = 500, previous: bool = False) -> str:
        query = {"container": container, "tailLines": str(lines), "previous": "true" if previous else ""}
        status, _, data = await self._exchange("GET", KINDS["Pod"].path(namespace, pod, "log"), query, {}, None)
        if status >= 300:
            raise _failure(status, data, 0.0, f"logs of {pod}")
        return data.decode(errors="replace")

    async def _call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        attempts: int = ATTEMPTS_MAX,
    ) -> Object:
        data = await self._send(method, path, query=query, headers=headers, body=body, attempts=attempts)
        try:
            answer = msgspec.json.decode(data)
        except msgspec.MsgspecError as wrong:
            raise _no_json(method, path, wrong) from wrong
        assert isinstance(answer, dict)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        attempts: int = ATTEMPTS_MAX,
    ) -> bytes:
        answered = await self._exchange(method, path, query or {}, headers or {}, body)
        for _ in range(attempts - 1):
            status, retry_after_s, _ = answered
            # Too much to do, and refused before anything was looked at: whatever it was may be asked for again.
            if status != TOO_MANY_REQUESTS or retry_after_s is None or retry_after_s > RETRY_AFTER_S_MAX:
                break
            self.retries += 1
            await self.sleep(max(retry_after_s, RETRY_AFTER_S_MIN) * random.uniform(1, 1 + JITTER))
            answered = await self._exchange(method, path, query or {}, headers or {}, body)
        status, retry_after_s, data = answered
        if status >= 300:
            raise _failure(status, data, retry_after_s or 0.0, f"{method} {path}")
        return data

    async def _exchange(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: Any
    ) -> tuple[int, float | None, bytes]:
        """Status, what `Retry-After` asks for in seconds, body."""
        self.calls += 1
        self.writes += method != "GET"
        try:
            request = await self._client.param_serialize(
                method,
                path,
                query_params=[(name, value) for name, value in query.items() if value],
                # Lists of a hundred clusters: to compress and expand them costs both ends more than the cluster's own network does.
                header_params={**HEADERS, **headers},
                body=body,
                auth_settings=["BearerToken"],
            )
            timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
            response = await self._client.call_api(*request, _request_timeout=timeout)
            async with response.response as answer:
                if (answer.content_length or 0) > ANSWER_BYTES_MAX:
                    raise ApiUnreachable(f"{method} {path}: an answer of {answer.content_length} bytes is more than {ANSWER_BYTES_MAX}")
                for text in texts(answer.headers.getall("Warning", ())):
                    self.warned(text)
                return answer.status, _seconds(answer.headers.get("Retry-After", "")), await answer.read()
        except (TimeoutError, aiohttp.ClientError, OSError, ConfigException) as wrong:
            raise ApiUnreachable(f"{method} {path}: {in_words(wrong)}") from wrong


def _page_query(label: str = "", field: str = "") -> dict[str, str]:
    return {"limit": str(PAGE_OBJECTS), "labelSelector": label, "fieldSelector": field}


def _no_json(method: str, path: str, wrong: Exception) -> ApiUnreachable:
    return ApiUnreachable(f"{method} {path}: the answer is no JSON ({wrong}): is this an API server?")


def _seconds(text: str) -> float | None:
    """None where nothing is asked for: an API server writes seconds, and no date."""
    return min(float(text), ASKED_S_MAX) if text.isascii() and text.isdigit() else None


def _failure(status: int, data: bytes, retry_after_s: float, what: str) -> ApiFailure:
    """The API server's own words: a `Status` object, or plain text from something in between."""
    try:
        said = json.loads(data)
        reason, message = said.get("reason") or f"Http{status}", said.get("message") or ""
    except (ValueError, AttributeError):
        reason, message = f"Http{status}", data[:200].decode(errors="replace")
    return ApiFailure(status, reason, f"{what}: {message}", retry_after_s)
