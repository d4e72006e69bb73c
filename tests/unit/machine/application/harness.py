"""A member's log and machine in miniature: what it commits is submitted to the host, and can be read again as the log would give it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from quorate.wire.results import Result
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.items import ApplicationCommand, ApplicationItem, ApplicationRegistration
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application.status import ApplicationState
from quorate_node.machine.application_port import Pending
from quorate_node.store.errors import Compacted

HERE = Path(__file__).parent


def settings(machine: str, **changes: Any) -> ApplicationSettings:
    quick: dict[str, Any] = {"restart_wait_s": 0.01, "search_path": str(HERE)}
    return ApplicationSettings(machine=f"sample_machines:{machine}", **(quick | changes))


class Member:
    """`log` survives `restart`, as a member's does; `compacted` is the last index that is gone."""

    def __init__(self, directory: Path, machine: str = "Counter", **changes: Any) -> None:
        self.directory = directory
        self.log: list[ApplicationItem] = []
        self.applied = 0
        self.registered: tuple[str, int] | None = None
        self.compacted = 0
        self.settings = settings(machine, **changes)
        self.host = ApplicationHost(self.settings, directory, self.read)

    async def read(self, from_index: int, to_index: int) -> AsyncIterator[ApplicationItem]:
        if self.compacted > from_index:
            raise Compacted(f"the log begins at index {self.compacted + 1}")
        for item in list(self.log):
            if from_index <= item.index <= to_index:
                await asyncio.sleep(0)
                yield item

    async def start(self) -> Member:
        await self.host.start(self.applied, self.registered)
        return self

    async def restart(self, machine: str | None = None, *, flushed: int | None = None, **changes: Any) -> None:
        """A new process of the member. Its state stands at `flushed`; the entries after it are applied again."""
        if machine is not None:
            self.settings = settings(machine, **changes)
        self.host = ApplicationHost(self.settings, self.directory, self.read)
        applied, self.applied = self.applied, self.applied if flushed is None else flushed
        registrations = [item for item in self.log if isinstance(item, ApplicationRegistration) and item.index <= self.applied]
        self.registered = (registrations[-1].name, registrations[-1].version) if registrations else None
        await self.host.start(self.applied, self.registered)
        for item in [item for item in self.log if self.applied < item.index <= applied]:
            self._apply(item)
        self.applied = applied

    def _apply(self, item: ApplicationItem) -> Result | Pending | None:
        if isinstance(item, ApplicationRegistration):
            self.registered = (item.name, item.version)
            self.host.register(item.index, item.name, item.version)
            return None
        return self.host.submit(item.index, item.position, item.log_time_ms, item.payload)

    def register(self, name: str = "counter", version: int = 1) -> None:
        self.applied += 1
        self.log.append(ApplicationRegistration(self.applied, 0, name, version))
        self._apply(self.log[-1])

    def commit(self, *payloads: bytes) -> list[Result | Pending]:
        """One entry."""
        self.applied += 1
        items = [ApplicationCommand(self.applied, position, 1000 + self.applied, payload) for position, payload in enumerate(payloads)]
        self.log += items
        return [result for item in items if (result := self._apply(item)) is not None]

    async def call(self, payload: bytes) -> Result:
        return await result_of(self.commit(payload)[0])

    async def trace(self) -> list[str]:
        """What the process applied, as it says itself."""
        return (await self.call(b"trace")).value.decode().split(",")  # type: ignore[union-attr]

    def expected_trace(self) -> list[str]:
        """What it must have applied: everything since the registration, once."""
        steps = [item for item in self.log if isinstance(item, ApplicationCommand) and (item.payload.isdigit() or b"once" in item.payload)]
        return [
            f"{item.index}:{int(item.payload) if item.payload.isdigit() else 1}:{item.log_time_ms}"
            for item in steps
            if not item.payload.isdigit() or int(item.payload) <= 1000
        ]


@asynccontextmanager
async def running(directory: Path, machine: str = "Counter", **changes: Any) -> AsyncIterator[Member]:
    member = await Member(directory, machine, **changes).start()
    try:
        yield member
    finally:
        await member.host.stop()


async def result_of(answer: Result | Pending) -> Result:
    if not isinstance(answer, Pending):
        return answer
    future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    answer.set_callback(future.set_result)
    return await asyncio.wait_for(future, 20)


async def until(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)


async def until_state(member: Member, state: ApplicationState) -> None:
    await until(lambda: member.host.status().state == state)
