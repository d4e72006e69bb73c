"""The HTTPS server that the API server asks. Whatever goes wrong here, the pod starts as its owner wrote it."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kinds import RESOURCE
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.decide.world import World
from quorate_operator.injection.review import Asked, Cluster, Malformed, answer, asked, judged
from quorate_operator.objects.identity import ClusterKey, Object
from quorate_operator.observe.pods import workload
from quorate_operator.observe.resource import spec_of
from quorate_operator.observe.world import Defaults, identity_of

PATH = "/mutate-pods"
BODY_BYTES_MAX = 4 << 20
"""The API server takes no larger object than 3 MiB, and a review holds one."""
LOOKUP_S = 2.0
"""Below the `timeoutSeconds` of the webhook's configuration: an answer that says why is better than none."""
REQUESTS_MAX = 64
log = logging.getLogger("quorate_operator.injection")


@dataclass
class Webhook:
    """`namespaces` empty: all. `counted(result)`, `seen(cluster)`: told of each pod that asks."""

    kubernetes: KubernetesApi
    defaults: Defaults
    namespaces: Sequence[str]
    counted: Callable[[str], None]
    seen: Callable[[ClusterKey], None]
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(REQUESTS_MAX))

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_BYTES_MAX)
        application.router.add_post(PATH, self.handle)
        return application

    async def start(self, port: int, context: ssl.SSLContext) -> tuple[web.AppRunner, int]:
        """Returns the runner, for its `cleanup`, and the port. Raises `Failure` for a port that is taken."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, None, port, ssl_context=context).start()
        except OSError as wrong:
            await runner.cleanup()
            raise Failure("PortTaken", f"port {port} for the webhook cannot be had ({wrong.strerror}); set --webhook-port") from None
        return runner, runner.addresses[0][1]

    async def handle(self, request: web.Request) -> web.Response:
        async with self._slots:
            try:
                review = asked(msgspec.json.decode(await request.read()))
            except (Malformed, msgspec.MsgspecError) as wrong:
                self.counted("malformed")
                raise web.HTTPBadRequest(text=f"{wrong}\n") from None
            return web.json_response(await self._answered(review))

    async def _answered(self, review: Asked) -> Object:
        cluster = await self._within(self._cluster(review), review) if review.cluster else "it names no cluster"
        result, patch, why = judged(review, cluster)
        self.counted(result)
        key = review.namespace, review.cluster
        if why:
            log.info("a pod of %s/%s gets no member: %s", *key, why)
        if isinstance(cluster, Cluster):
            self.seen(key)
        return answer(review.uid, patch, why)

    async def _within(self, looked_up: Awaitable[Cluster | str], review: Asked) -> Cluster | str:
        try:
            async with asyncio.timeout(LOOKUP_S):
                return await looked_up
        except TimeoutError:
            log.warning("ConsensusCluster %s/%s was not looked up within %g s", review.namespace, review.cluster, LOOKUP_S)
        except Failure as wrong:
            log.warning("ConsensusCluster %s/%s could not be looked up: %s", review.namespace, review.cluster, wrong)
        return "its ConsensusCluster could not be looked up in time: delete the pod, and the next one gets it"

    async def _cluster(self, review: Asked) -> Cluster | str:
        if self.namespaces and review.namespace not in self.namespaces:
            return "this operator does not look after its namespace"
        resource = await self.kubernetes.get(RESOURCE, review.namespace, review.cluster)
        if resource is None or "deletionTimestamp" in resource["metadata"]:
            return f"there is no ConsensusCluster {review.cluster!r} in its namespace: correct the label, or make it first"
        spec, identity = spec_of(resource), identity_of(resource, self.defaults)
        stateful_set = await self.kubernetes.get("StatefulSet", review.namespace, review.cluster)
        return Cluster(spec, World(identity, spec, workload=workload(stateful_set)).pinned)
