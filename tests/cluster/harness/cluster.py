"""Three (or more) `quorate-node` processes on loopback, with wires that can be cut, and what one asks of them as a whole."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from tests.cluster.harness.api import Api, Refused, Unknown
from tests.cluster.harness.member import Member
from tests.cluster.harness.network import Network
from tests.cluster.harness.patience import Patience
from tests.cluster.ports import free_ports

CONVERGE_TIMEOUT_S = 60.0
"""For what takes a second: on a machine that does other things as well it takes long, and is right all the same."""
POLL_S = 0.02


class ClusterUnderTest:
    """Members 0 to n-1; member 0 bootstraps. With `wires`, members reach each other through proxies that `network` can cut."""

    def __init__(
        self,
        directory: Path,
        members: int = 3,
        *,
        wires: bool = False,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        ports = free_ports(3 * members)
        self._ports, self._peer_ports, proxy_ports = ports[:members], ports[members : 2 * members], ports[2 * members :]
        self._peer_urls = [f"http://127.0.0.1:{port}" for port in (proxy_ports if wires else self._peer_ports)]
        self._settings = settings or {}
        self.members = [self._member(number, directory / f"m{number}") for number in range(members)]
        self.network = Network(proxy_ports, self._peer_ports, self._pids) if wires else None
        self.api = Api()

    def _member(self, number: int, directory: Path) -> Member:
        settings: dict[str, dict[str, Any]] = {
            "member": {"name": f"m{number}", "data_dir": "data"},
            "listen": {"port": self._ports[number], "peer_port": self._peer_ports[number], "peer_url": self._peer_urls[number]},
            "discovery": {"peers": self._peer_urls},
        }
        for section, values in self._settings.items():
            settings.setdefault(section, {}).update(values)
        return Member(number, directory, self._ports[number], settings)

    def _pids(self) -> dict[int, int]:
        return {member.number: member.pid for member in self.members if member.running}

    async def __aenter__(self) -> Self:
        await self.api.__aenter__()
        if self.network is not None:
            await self.network.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for member in self.members:
            await member.kill()
        if self.network is not None:
            await self.network.close()
        await self.api.__aexit__()

    async def start(self) -> float:
        """First start of all; returns the seconds until every member was a ready voter."""
        begun = time.monotonic()
        token = secrets.token_hex(8)
        for member in self.members:
            await member.start(token=token if member.number == 0 else "")
        await self.wait_voters(len(self.members))
        return time.monotonic() - begun

    async def wait_ready(self) -> None:
        await asyncio.gather(*(member.wait_ready() for member in self.members if member.running))

    async def wait_voters(self, count: int, timeout_s: float = CONVERGE_TIMEOUT_S) -> list[dict[str, Any]]:
        """Wait until all running members are ready and each knows of `count` voters; returns the list of members.

        Each, not only the leader: a change takes effect where it is applied, and until the others have heard that it is committed, the
        configuration before it decides, in which a killed leader may be one of two.
        """
        await self.wait_ready()
        members: list[dict[str, Any]] = []

        async def enough() -> bool:
            nonlocal members
            for member in self.members:
                if member.running:
                    members = (await self.api.call(member.url, "GET", "/v1/members"))["members"]
                    if sum(one["role"] in ("voter", "witness") for one in members) != count:
                        return False
            return True

        await self.until(enough, f"{count} members voting", timeout_s)
        return members

    async def until(self, condition: Callable[[], Any], what: str, timeout_s: float = CONVERGE_TIMEOUT_S) -> float:
        """Seconds until the coroutine `condition` was true; requests that fail count as not yet. Raises AssertionError in time."""
        begun, patience = time.monotonic(), Patience(timeout_s)
        last = ""
        while patience.lasts():
            try:
                if await condition():
                    return time.monotonic() - begun
                last = "it was false"
            except (Refused, Unknown) as error:
                last = str(error)
            await asyncio.sleep(POLL_S)
        tails = "\n".join(f"--- {member.name}\n{member.log_tail(15)}" for member in self.members)
        raise AssertionError(f"not within {timeout_s} s: {what}; last: {last}\n{tails}")

    async def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the first running member that answers. Raises `Unknown` when any of them may have done it, else the last one's refusal: what
        one member did without an answer the next one refuses as done already."""
        error: Refused | Unknown = Refused("Unreachable", "no member runs")
        for member in self.members:
            if member.running:
                try:
                    return await self.api.call(member.url, method, path, body)
                except (Refused, Unknown) as raised:
                    error = error if isinstance(error, Unknown) else raised
        raise error

    async def leader(self, *, among: list[Member] | None = None, timeout_s: float = CONVERGE_TIMEOUT_S) -> Member:
        """The member that calls itself leader, of the highest term among those asked."""
        found: Member | None = None

        async def one_leads() -> bool:
            nonlocal found
            claims = []
            for member in among or self.members:
                if member.running:
                    try:
                        status = await self.api.status(member.url)
                    except (Refused, Unknown):
                        continue
                    if status["role"] == "leader":
                        claims.append((int(status["term"]), member.number))
            found = self.members[max(claims)[1]] if claims else None
            return found is not None

        await self.until(one_leads, "a leader", timeout_s)
        assert found is not None
        return found

    async def leads(self, member: Member) -> bool:
        """Whether the member says that it leads. If it does not, leadership is to move to it: ask again."""
        status = await self.api.status(member.url)
        if status["role"] != "leader":
            await self.ask("POST", "/v1/leader/transfer", {"to": str(status["member_id"])})
        return bool(status["role"] == "leader")

    async def lead(self, member: Member) -> None:
        """Move leadership to that member."""
        await self.until(lambda: self.leads(member), f"{member.name} as the leader")

    async def remove(self, member_id: str) -> None:
        """Remove a member. Asked again until nobody lists it: an answer that was lost may have been a yes."""

        async def removed() -> bool:
            try:
                await self.ask("DELETE", f"/v1/members/{member_id}")
            except Refused as refused:
                if refused.error != "MemberNotFound":
                    raise
            return all(member["member_id"] != member_id for member in (await self.ask("GET", "/v1/members"))["members"])

        await self.until(removed, f"the removal of member {member_id}")

    async def followers(self) -> list[Member]:
        leader = await self.leader()
        return [member for member in self.members if member is not leader and member.running]

    async def wait_equal(self, timeout_s: float = CONVERGE_TIMEOUT_S) -> int:
        """Wait until every running member has applied the same index with the same revision; returns the revision."""
        revision = 0

        async def equal() -> bool:
            nonlocal revision
            statuses = [await self.api.status(member.url) for member in self.members if member.running]
            revision = int(statuses[0]["revision"])
            return len({(status["applied_index"], status["revision"]) for status in statuses}) == 1

        await self.until(equal, "all members equal", timeout_s)
        return revision
