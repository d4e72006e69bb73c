"""The general server behind the front: aiohttp's application, its routes from the table, its start and its orderly end."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence

from aiohttp import web

from quorate_node.api.http.administration import Administrators
from quorate_node.api.http.context import CONTEXT, ApiContext, Handler
from quorate_node.api.http.front import Front
from quorate_node.api.http.handlers import application, files, leases, member, members, watch
from quorate_node.api.http.handlers.hot import hot
from quorate_node.api.http.keepalives import KEEPALIVES, KeepAliveBatcher
from quorate_node.api.http.middleware import around, prepare
from quorate_node.api.http.operations import Operations
from quorate_node.api.http.readiness import Readiness
from quorate_node.api.http.reads import ReadBatcher
from quorate_node.api.http.routes import ROUTES
from quorate_node.api.http.stream import stream
from quorate_node.api.settings import ApiSettings
from quorate_node.identity.report import CertificateReporter
from quorate_node.replica.service import ReplicaService
from quorate_node.telemetry.telemetry import Telemetry

HANDLERS: dict[str, Handler] = {
    **{name: hot(name) for name in ("put", "range", "key", "delete", "txn")},
    "compact": leases.compact,
    "watch": watch.watch,
    "lease_grant": leases.lease_grant,
    "lease_keepalive": leases.lease_keepalive,
    "lease_list": leases.lease_list,
    "lease_get": leases.lease_get,
    "lease_revoke": leases.lease_revoke,
    "session_create": leases.session_create,
    "session_close": leases.session_close,
    "stream": stream,
    "propose": application.propose,
    "apply": application.apply,
    "member_list": members.member_list,
    "member_add": members.member_add,
    "member_promote": members.member_promote,
    "member_remove": members.member_remove,
    "member_replace": members.member_replace,
    "leader": members.leader,
    "leader_transfer": members.leader_transfer,
    "leader_step_down": members.leader_step_down,
    "snapshot": files.snapshot,
    "bootstrap": files.bootstrap,
    "restore": files.restore,
    "status": member.status,
    "version": member.version,
    "health_live": member.health_live,
    "health_ready": member.health_ready,
    "health_startup": member.health_startup,
    "metrics": member.metrics,
    "openapi": member.openapi,
}


class ApiServer:
    """The HTTP API of one member: `start`, `listen` once or more, `close`."""

    def __init__(
        self,
        service: ReplicaService,
        settings: ApiSettings,
        telemetry: Telemetry,
        administrators: tuple[str, ...] = (),
        certificate: CertificateReporter | None = None,
    ) -> None:
        """`administrators`: names of the client certificates that the administrative routes are for; empty: they are for everybody."""
        self._administrators = Administrators(administrators)
        self._certificate = certificate
        self.service = service
        self.settings = settings
        self.telemetry = telemetry
        self._front: Front | None = None
        self._runner: web.AppRunner | None = None
        self._context: ApiContext | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        operations = Operations(self.service, ReadBatcher(self.service, self.telemetry, loop))
        readiness = Readiness(self.service, self.settings.ready_grace_ms, loop)
        self._context = ApiContext(
            self.service, self.settings, self.telemetry, operations, loop, readiness, self._administrators, self._certificate
        )
        app = web.Application(middlewares=[around], client_max_size=0)
        app[CONTEXT] = self._context
        app[KEEPALIVES] = KeepAliveBatcher(self.service, self.settings.keepalive_leases_max, loop)
        app.on_response_prepare.append(prepare)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, HANDLERS[route.name], name=route.name)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None)
        await self._runner.setup()
        assert self._runner.server is not None
        self._front = Front(self.service, operations, self.settings, self.telemetry, self._runner.server, loop)

    async def listen(self, host: str | Sequence[str] | None, port: int, tls: ssl.SSLContext | None = None) -> int:
        """Begin to accept on an address; returns the port. Raises `OSError`."""
        assert self._front is not None, "start comes first"
        return await self._front.listen(host, port, tls)

    async def close(self) -> None:
        """Accept nothing more, tell watches and streams, let requests finish within `drain_timeout_ms`, cut the rest."""
        if self._front is None or self._runner is None or self._context is None:
            return
        self._context.draining = True
        self._context.readiness.close()
        for task in list(self._context.long_lived):
            task.cancel()
        await self._front.drain()
        await self._runner.cleanup()
