"""The cluster of a campaign: real members, each in a network namespace, with what faults may change about their next start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.cluster.campaign.namespaces import Namespaces
from tests.cluster.campaign.recorder import Recorder
from tests.cluster.campaign.wires import Wires
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member
from tests.cluster.shim.disk_fault import DiskFault

PORT, PEER_PORT = 7301, 7302
LIST_TIMEOUT_S = 60.0
BARRIER_KEY = "barrier"
"""Of a read that is made for its consistency alone: nobody writes it."""
SPARES = 1
"""Namespaces beyond the first members', for those that are added and removed."""


@dataclass(frozen=True)
class Lived:
    """A stretch of a member's life, for the timeline: up, paused or down, from then on."""

    at_s: float
    state: str


class CampaignMember(Member):
    """A member in its namespace. `environment` and `wrapper` are for its next start: a shim to preload, another clock."""

    def __init__(self, number: int, directory: Path, settings: Mapping[str, Mapping[str, Any]], namespaces: Namespaces) -> None:
        super().__init__(number, directory, PORT, settings)
        self._namespaces = namespaces
        self.wrapper: list[str] = []
        self.disk: DiskFault | None = None
        """Steers the faults of its disk, when it was started under the library."""
        self.lives: list[Lived] = []
        self.unexpected_ends: list[str] = []
        self.may_end = False
        """True while it is right that the process ends: it was told to, or a fault may end it."""
        self.tolerated: list[tuple[int, int]] = []
        """Bytes [from, to) of its log in which it may tell how a fault stopped it, traceback and all."""
        self._tolerated_from = 0

    @property
    def url(self) -> str:
        return f"http://{self._namespaces.address(self.number)}:{self.port}"

    def lived(self, state: str) -> None:
        self.lives.append(Lived(time.monotonic(), state))

    def tolerate(self) -> None:
        """From now on it may stop itself, and say why: it is made to fail where going on could be wrong."""
        self.may_end = True
        self._tolerated_from = self._log_bytes()

    def tolerate_no_more(self) -> None:
        self.may_end = False
        self.tolerated.append((self._tolerated_from, self._log_bytes()))

    def _log_bytes(self) -> int:
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    async def start(self, *, token: str = "", **arguments: Any) -> None:
        words = [*self._namespaces.prefix(self.number), *self.wrapper]
        await super().start(token=token, prefix=words, **arguments)
        self.may_end = False
        self.lived("up")
        asyncio.get_running_loop().create_task(self._watch_its_end())

    async def _watch_its_end(self) -> None:
        """A member that nobody told to end has crashed, or stopped itself: that is for the verdict."""
        process = self.process
        assert process is not None
        status = await process.wait()
        self.lived("down")
        if not self.may_end:
            self.unexpected_ends.append(f"{self.name} ended by itself with status {status}:\n{self.log_tail(12)}")

    async def kill(self) -> None:
        self.may_end = True
        await super().kill()

    async def stop(self, timeout_s: float = 20.0) -> int:
        self.may_end = True
        return await super().stop(timeout_s)

    def freeze(self) -> None:
        super().freeze()
        self.lived("paused")

    def thaw(self) -> None:
        super().thaw()
        self.lived("up")


class Site(ClusterUnderTest):
    """`count` members and a spare. Use as an async context manager; `start()` makes the first `count` a cluster."""

    def __init__(
        self, directory: Path, count: int, namespaces: Namespaces, *, seed: int, settings: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        assert namespaces.count == count + SPARES, f"{count} members and {SPARES} spare need so many namespaces, not {namespaces.count}"
        self.namespaces = namespaces
        self.wires = Wires(namespaces, seed)
        self.count = count
        self.recorder: Recorder | None = None
        """For what the nemesis does that the checkers must know."""
        super().__init__(directory, count, settings=settings)
        self.spares = [self._member(number, directory / f"m{number}") for number in range(count, count + SPARES)]

    @property
    def everyone(self) -> list[CampaignMember]:
        return [member for member in [*self.members, *self.spares] if isinstance(member, CampaignMember)]

    def _member(self, number: int, directory: Path) -> CampaignMember:
        peers = [f"http://{self.namespaces.address(each)}:{PEER_PORT}" for each in range(self.count)]
        settings: dict[str, dict[str, Any]] = {
            "member": {"name": f"m{number}", "data_dir": "data"},
            "listen": {"host": self.namespaces.address(number), "port": PORT, "peer_port": PEER_PORT},
            "discovery": {"peers": peers},
        }
        for section, values in self._settings.items():
            settings.setdefault(section, {}).update(values)
        return CampaignMember(number, directory, settings, self.namespaces)

    async def __aenter__(self) -> Self:
        await self.wires.start()
        return await super().__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        for member in self.everyone:
            if member.running:
                await member.kill()
            if member.disk is not None:
                member.disk.close()
        await self.wires.close()
        await super().__aexit__(*exception)

    def pairs_between(self, ones: Sequence[int], others: Sequence[int]) -> list[tuple[int, int]]:
        """Every direction between the two groups."""
        return [pair for one in ones for other in others if one != other for pair in ((one, other), (other, one))]

    async def member_ids(self) -> dict[str, str]:
        """Member id by name, as the cluster knows it."""
        found: dict[str, str] = {}

        async def told() -> bool:
            found.update({str(member["name"]): str(member["member_id"]) for member in await self.listed()})
            return True

        await self.until(told, "a leader that lists the members", LIST_TIMEOUT_S)
        return found

    async def listed(self) -> list[dict[str, Any]]:
        """The members as the leader lists them, once it has applied all that was ever acknowledged.

        Another member may be far behind and not know who joined or left; so may a leader of this moment, until it has answered a
        linearizable read.
        """
        url = (await self.leader_now()).url
        await self.api.get(url, BARRIER_KEY)
        return list((await self.api.call(url, "GET", "/v1/members"))["members"])

    async def leader_now(self) -> CampaignMember:
        """Of all members, the spare included. Raises `Refused` when none is known: ask again."""
        statuses = await self.roles()
        claims = [(int(status["term"]), name) for name, status in statuses.items() if status["role"] == "leader"]
        if not claims:
            raise Refused("NoLeader", "no member that answers says that it leads")
        return next(member for member in self.everyone if member.name == max(claims)[1])

    async def caught_up(self, member: Member, timeout_s: float) -> float:
        """Seconds until the member is ready and within reach of what the cluster has applied now."""
        await member.wait_ready(timeout_s)
        goal = max([int((await self._status(each)).get("applied_index", 0)) for each in self.everyone if each.running])

        async def there() -> bool:
            assert member.running, f"{member.name} ended while it caught up:\n{member.log_tail(12)}"
            return int((await self.api.status(member.url))["applied_index"]) >= goal

        return await self.until(there, f"{member.name} at index {goal}", timeout_s)

    async def _status(self, member: Member) -> dict[str, Any]:
        try:
            return await self.api.status(member.url)
        except (Refused, Unknown):
            return {}

    async def role_of(self, member: Member) -> str:
        """What a running member says that it is; empty when it gives no answer."""
        return str((await self._status(member)).get("role", ""))

    async def roles(self) -> dict[str, dict[str, Any]]:
        """Status of every running member by name; one that does not answer is left out."""
        running = [member for member in self.everyone if member.running]
        statuses = await asyncio.gather(*(self._status(member) for member in running))
        return {member.name: status for member, status in zip(running, statuses, strict=True) if status}
