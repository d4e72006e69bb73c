"""What every verb needs: where the cluster is, how to talk to it, how to print."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

import click

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.options import Consistency

T = TypeVar("T")
DEFAULT_ENDPOINTS = "http://127.0.0.1:7301,http://127.0.0.1:7302,http://127.0.0.1:7303"
OUTPUTS = ("table", "json", "plain")
CONSISTENCIES = ("linearizable", "lease", "stale")


class Terminated(Exception):
    """SIGTERM came, and what was held has been given back."""


@dataclass
class Settings:
    """The global options, filled from before and after the verb, then from the environment, then from the defaults."""

    endpoints: str = DEFAULT_ENDPOINTS
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    timeout_ms: int = 10_000
    output: str = ""
    consistency: str = "linearizable"

    @property
    def format(self) -> str:
        """The output asked for; else a table for a terminal and plain lines for a pipe."""
        return self.output or ("table" if sys.stdout.isatty() else "plain")

    @property
    def endpoint_list(self) -> list[str]:
        return [each.strip() for each in self.endpoints.split(",") if each.strip()]

    def cluster(self) -> Cluster:
        """A client, not yet open. Raises `click.UsageError` for settings that cannot be."""
        from quorate.cluster import Cluster
        from quorate.options import Tls

        tls = None
        try:
            if self.tls_ca or self.tls_cert or self.tls_key:
                tls = Tls(self.tls_ca, self.tls_cert, self.tls_key)
                tls.context()  # What is wrong with the files is told before anybody is asked.
            return Cluster(self.endpoint_list, tls=tls, timeout_s=self.timeout_ms / 1000, consistency=cast("Consistency", self.consistency))
        except ValueError as wrong:
            raise click.UsageError(str(wrong)) from wrong

    def run(self, work: Callable[[Cluster], Awaitable[T]]) -> T:
        """Open a client, do the work, close it. An interrupt or SIGTERM cancels the work, which cleans up behind itself.

        Raises `KeyboardInterrupt`, or `Terminated` after SIGTERM.
        """
        import asyncio

        async def opened() -> T:
            task = asyncio.current_task()
            assert task is not None
            if threading.current_thread() is threading.main_thread() and sys.platform != "win32":
                # Without it a lock would outlive its terminated holder by its ttl, and the command that runs under it for ever.
                asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
            async with self.cluster() as cluster:
                return await work(cluster)

        try:
            return asyncio.run(opened())
        except asyncio.CancelledError:
            raise Terminated from None


pass_settings = click.make_pass_decorator(Settings)
