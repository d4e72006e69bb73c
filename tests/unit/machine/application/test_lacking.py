"""A machine that has nothing to go on from says so, and goes on from what another member's machine was."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from quorate.wire.results import ApplicationResult, Failure
from quorate_node.machine.application.status import ApplicationState
from quorate_node.machine.interface import Refused
from tests.unit.machine.application.harness import running


async def test_without_the_applications_part_the_machine_stands_still_until_another_member_gives_it(tmp_path: Path) -> None:
    async with running(tmp_path / "sender") as sender, running(tmp_path / "receiver") as receiver:
        sender.register()
        await sender.call(b"5")
        await receiver.host.install(2, ("counter", 1), None)
        assert receiver.host.status().state == ApplicationState.FAILED and receiver.host.lacks_state
        assert "sent none of the application" in receiver.host.status().message
        assert await receiver.host.snapshot(2) is None
        assert receiver.host.compaction_floor(9) == 1, "what comes after that state stays in the log"
        receiver.applied, receiver.registered, receiver.compacted = 2, ("counter", 1), 2
        assert isinstance(receiver.commit(b"1")[0], Failure)
        await sender.call(b"1")
        assert isinstance(receiver.commit(b"7")[0], Failure)

        snapshot = await asyncio.wait_for(sender.host.snapshot(3), 10)
        assert snapshot is not None
        file = tmp_path / "part"
        file.write_bytes(snapshot.path.read_bytes())
        with pytest.raises(Refused, match="at index 3; expected 'counter' version 1 at index 4"):
            await receiver.host.take_over(4, file, lambda: receiver.applied)
        await receiver.host.take_over(3, file, lambda: receiver.applied)
        assert not receiver.host.lacks_state
        assert await receiver.call(b"1") == ApplicationResult(5, b"14"), "5 and 1 are in the snapshot, 7 is read from the log"


async def test_who_lacks_nothing_takes_nothing_over(tmp_path: Path) -> None:
    async with running(tmp_path / "one") as member:
        member.register()
        await member.call(b"5")
        await member.host.take_over(2, tmp_path / "no file is looked at", lambda: member.applied)
        assert await member.call(b"1") == ApplicationResult(3, b"6")
