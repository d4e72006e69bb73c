"""`/healthz`, `/readyz` and `/metrics`: healthy is an operator whose loops turn, not one whose port is open."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import web

from quorate_operator.clients.errors import Failure
from quorate_operator.metrics import Metrics


@dataclass(frozen=True)
class Health:
    """`stalled`: what does not turn any more, in words; empty while all is well. A standby is as ready as the one that works."""

    metrics: Metrics
    stalled: Callable[[], str]
    refresh: Callable[[], None]

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/healthz", self._healthz)
        application.router.add_get("/readyz", self._healthz)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def start(self, port: int) -> tuple[web.AppRunner, int]:
        """Returns the runner, for its `cleanup`, and the port. Raises `Failure` for a port that is taken."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, None, port).start()
        except OSError as wrong:
            await runner.cleanup()
            message = f"port {port} for health and metrics cannot be had ({wrong.strerror}); set another --port"
            raise Failure("PortTaken", message) from None
        return runner, runner.addresses[0][1]

    async def _healthz(self, _request: web.Request) -> web.Response:
        return _said(self.stalled())

    async def _metrics(self, _request: web.Request) -> web.Response:
        self.refresh()
        return web.Response(body=self.metrics.text(), content_type="text/plain")


def _said(wrong: str) -> web.Response:
    return web.Response(text=f"{wrong or 'ok'}\n", status=503 if wrong else 200)


def stalled(what: str, turned_at: float, seconds_max: float, now: Callable[[], float] = time.monotonic) -> str:
    """In words, when something should have turned since."""
    age_s = now() - turned_at
    return f"{what} has not turned for {age_s:.0f} s (limit {seconds_max:.0f} s)" if age_s > seconds_max else ""
