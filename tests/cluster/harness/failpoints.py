"""A real member's failpoints, set and counted while it runs, through the endpoint that it opens for them."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

from tests.cluster.harness.member import Member
from tests.cluster.ports import free_ports

TIMEOUT_S = 10.0
PANICKED = 86
"""Exit status of a member that a failpoint ended."""


class MemberFailpoints:
    """Made before the member's first start: it has them from then on, over restarts. A start begins with none set."""

    def __init__(self, member: Member) -> None:
        self._member = member
        (self._port,) = free_ports(1)
        member.environment |= {"QUORATE_FAILPOINTS": "", "QUORATE_FAILPOINTS_LISTEN": f"127.0.0.1:{self._port}"}

    async def set(self, name: str, terms: str) -> None:
        """`terms` as in docs/failpoints.md. Raises `urllib.error.HTTPError` with the endpoint's words for a wrong one."""
        await self._ask("PUT", f"/failpoints/{name}", terms.encode())

    async def remove(self, name: str) -> None:
        await self._ask("DELETE", f"/failpoints/{name}")

    async def hits(self) -> dict[str, int]:
        """How often each was reached since the process began."""
        return {name: state["hits"] for name, state in (await self._ask("GET", "/failpoints")).items()}

    async def state(self, name: str) -> dict[str, Any]:
        """`terms`, `hits`, `fired`, `held`."""
        return await self._ask("GET", f"/failpoints/{name}")

    async def wait_fired(self, name: str, timeout_s: float = 60.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not (await self.state(name))["fired"]:
                await asyncio.sleep(0.01)

    async def wait_died(self, timeout_s: float = 60.0) -> None:
        """Until a `panic` has ended the member. Raises AssertionError when it ended otherwise, TimeoutError when it lives."""
        assert self._member.process is not None
        status = await asyncio.wait_for(self._member.process.wait(), timeout_s)
        assert status == PANICKED, f"{self._member.name} ended with status {status}, not of its failpoint:\n{self._member.log_tail()}"

    async def _ask(self, method: str, path: str, body: bytes | None = None) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            request = urllib.request.Request(f"http://127.0.0.1:{self._port}{path}", method=method, data=body)
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
                return dict(json.load(answer))

        return await asyncio.to_thread(ask)
