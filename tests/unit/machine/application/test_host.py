"""The application's machine in a real process: ordered, exactly once in its state, and never in consensus' way."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from quorate.wire.results import ApplicationResult, Failure
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.items import ApplicationCommand, ApplicationRegistration
from quorate_node.machine.application.snapshot_source import ApplicationSnapshotSource
from quorate_node.machine.application.status import ApplicationState
from quorate_node.machine.interface import Refused
from tests.unit.machine.application.harness import Member, result_of, until, until_state


@pytest_asyncio.fixture
async def member(tmp_path: Path) -> AsyncIterator[Member]:
    member = await Member(tmp_path).start()
    yield member
    await member.host.stop()


async def test_results_come_in_order_and_carry_the_index(member: Member) -> None:
    member.register()
    answers = member.commit(b"1", b"2") + member.commit(b"3")
    assert [await result_of(answer) for answer in answers] == [
        ApplicationResult(2, b"1"),
        ApplicationResult(2, b"3"),
        ApplicationResult(3, b"6"),
    ]
    assert await member.trace() == ["2:1:1002", "2:2:1002", "3:3:1003"]
    status = member.host.status()
    assert (status.state, status.name, status.version) == (ApplicationState.RUNNING, "counter", 1)
    assert status.commands == 4 and status.backlog_commands == 0
    assert member.host.version() == ("counter", 1)


async def test_a_rejected_command_is_a_result(member: Member) -> None:
    member.register()
    assert await member.call(b"1001") == ApplicationResult(2, b"1001 is over 1000", rejected=True)
    assert await member.call(b"5") == ApplicationResult(3, b"5")
    assert member.host.status().rejected == 1


async def test_before_a_registration_the_log_is_bare(member: Member) -> None:
    assert member.commit(b"7") == [ApplicationResult(1, b"")]
    assert member.host.reply(1, 0) == ApplicationResult(1, b"")
    assert member.host.version() is None
    assert member.host.compaction_floor(1) is None
    member.register()
    assert await member.call(b"1") == ApplicationResult(3, b"1"), "the 7 was never the machine's"


async def test_registration_in_the_middle_of_an_entry(member: Member) -> None:
    member.applied = 1
    member.log += [ApplicationRegistration(1, 1, "counter", 1), ApplicationCommand(1, 2, 7, b"4")]
    await until_state(member, ApplicationState.RUNNING)
    member.host.register(1, "counter", 1)
    assert await result_of(member.host.submit(1, 2, 7, b"4")) == ApplicationResult(1, b"4")
    assert await member.trace() == ["1:4:7"]


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        (b"raise", "applying the command at index 3: ZeroDivisionError: nobody divides here"),
        (b"exit", "applying the command at index 3: SystemExit: 3"),
        (b"text", "applying the command at index 3: TypeError: the result of apply() must be bytes, not str"),
    ],
)
async def test_an_exception_stops_this_members_machine_and_skips_nothing(member: Member, payload: bytes, line: str) -> None:
    member.register()
    before, broken, after = *member.commit(b"1"), *member.commit(payload, b"2")
    assert await result_of(before) == ApplicationResult(2, b"1")
    for answer in (broken, after, *member.commit(b"3")):
        failure = await result_of(answer)
        assert isinstance(failure, Failure) and failure.error == "Internal"
        assert line in failure.message or "does not run" in failure.message
    status = member.host.status()
    assert status.state == ApplicationState.FAILED
    assert status.message == line
    assert status.restarts == 0, "the same code would raise again"
    member.host.check(1)  # consensus goes on: this member may still propose for the others


async def test_a_restarted_member_meets_the_same_command_again(member: Member) -> None:
    member.register()
    await member.call(b"1")
    await result_of(member.commit(b"raise")[0])
    await member.host.stop()
    await member.restart()
    await until_state(member, ApplicationState.FAILED)
    assert "index 3: ZeroDivisionError" in member.host.status().message


async def test_a_killed_process_is_started_again_and_comes_to_the_same_state(member: Member, tmp_path: Path) -> None:
    member.register()
    pid = int((await member.call(b"pid")).value)  # type: ignore[union-attr]
    first = [member.commit(b"1", b"2") for _ in range(50)]
    os.kill(pid, signal.SIGKILL)
    second = [member.commit(b"3") for _ in range(50)]
    values = [(await result_of(answer)).value for entry in first + second for answer in entry]  # type: ignore[union-attr]
    assert values[-1] == str(50 * 3 + 50 * 3).encode(), "everyone who waited got the result, none twice"
    assert await member.trace() == member.expected_trace()
    assert member.host.status().restarts >= 1
    assert member.host.status().pid not in (0, pid)


async def test_a_process_that_dies_at_a_command_is_tried_again(member: Member, tmp_path: Path) -> None:
    member.register()
    result = await member.call(b"die once " + str(tmp_path / "died").encode())
    assert result == ApplicationResult(2, b"1")
    assert member.host.status().restarts == 1
    assert await member.trace() == member.expected_trace()


async def test_stop_snapshots_and_the_next_start_replays_only_the_rest(member: Member) -> None:
    member.register()
    for _ in range(20):
        await member.call(b"1")
    await member.host.stop()
    assert member.host.status().snapshot_index == member.applied
    assert member.host.compaction_floor(member.applied) == 1, "the older snapshot, the registration's, is still good for a start"
    member.compacted = member.applied
    await member.restart()
    assert await member.call(b"1") == ApplicationResult(member.applied, b"21")
    assert await member.trace() == member.expected_trace()


async def test_after_a_crash_the_machine_applies_again_what_the_host_has(member: Member) -> None:
    """The state was flushed long before the host's snapshot, or never: each command is in the application's state once."""
    member.register()
    for _ in range(10):
        await member.call(b"2")
    await member.host.stop()
    await member.restart(flushed=3)
    assert await member.trace() == member.expected_trace()
    reply = member.host.submit(4, 0, 0, b"2")
    assert isinstance(reply, Failure) and reply.error == "SessionSequenceForgotten"


async def test_snapshots_are_taken_by_count_and_two_are_kept(tmp_path: Path) -> None:
    member = await Member(tmp_path, snapshot_commands=10, batch_commands=4).start()
    member.register()
    for _ in range(20):
        for answer in member.commit(b"1", b"1", b"1"):
            await result_of(answer)
    status = member.host.status()
    assert 4 <= status.snapshots <= 7
    assert len(list(tmp_path.glob("*.snapshot"))) == 2
    newest, floor = status.snapshot_index, member.host.compaction_floor(member.applied)
    assert floor is not None and 0 < floor < newest <= member.applied
    member.compacted = floor
    await member.host.stop()
    await member.restart()
    assert await member.trace() == member.expected_trace()
    await member.host.stop()


async def test_a_damaged_snapshot_is_replaced_by_the_older_one(member: Member, tmp_path: Path) -> None:
    member.register()
    for _ in range(5):
        await member.call(b"1")
    await member.host.stop()
    newest = max(tmp_path.glob("*.snapshot"))
    newest.write_bytes(newest.read_bytes()[:-40] + bytes(40))
    await member.restart()
    assert await member.trace() == member.expected_trace()
    assert not newest.exists() or newest.read_bytes()[-32:] != bytes(32)


async def test_without_snapshot_and_log_the_machine_says_what_it_needs(member: Member, tmp_path: Path) -> None:
    member.register()
    await member.call(b"1")
    await member.host.stop()
    for path in tmp_path.glob("*.snapshot"):
        path.unlink()
    member.compacted = 2
    await member.restart()
    await until_state(member, ApplicationState.FAILED)
    assert "the log begins at index 3" in member.host.status().message
    assert "another member's is asked for" in member.host.status().message
    assert member.host.lacks_state


async def test_a_slow_machine_is_served_from_the_log_and_holds_proposers_back(tmp_path: Path) -> None:
    member = await Member(
        tmp_path, queue_commands=8, in_flight_commands=4, batch_commands=4, backlog_commands=20, slow_command_s=0.05
    ).start()
    member.register()
    member.commit(b"sleep 0.3")
    answers = [member.commit(b"1")[0] for _ in range(60)]
    with pytest.raises(Refused, match=r"61 commands wait .*backlog_commands is 20") as refused:
        member.host.check(1)
    assert refused.value.error == "TooManyRequests"
    status = member.host.status()
    assert status.overflows > 0 and status.behind
    assert [(await result_of(answer)).value for answer in answers] == [str(n).encode() for n in range(1, 61)]  # type: ignore[union-attr]
    assert await member.trace() == member.expected_trace()
    member.host.check(1)
    assert not member.host.status().behind
    assert member.host.status().slow_messages >= 1
    await member.host.stop()


async def test_results_that_are_not_waited_for_still_happen(tmp_path: Path) -> None:
    member = await Member(tmp_path, results_waited=2).start()
    member.register()
    answers = member.commit(b"1", b"1", b"1")
    assert isinstance(answers[2], Failure) and answers[2].error == "Timeout"
    assert [(await result_of(answer)).value for answer in answers[:2]] == [b"1", b"2"]  # type: ignore[union-attr]
    await until(lambda: member.host.status().commands == 3)
    assert await member.call(b"1") == ApplicationResult(3, b"4")
    await member.host.stop()


async def test_payload_and_result_bounds(tmp_path: Path) -> None:
    member = await Member(tmp_path, payload_bytes_max=10, result_bytes_max=100).start()
    member.register()
    with pytest.raises(Refused, match=r"payload has 11 bytes; application.payload_bytes_max is 10"):
        member.host.check(11)
    failure = await member.call(b"big 101")
    assert isinstance(failure, Failure) and failure.error == "ValueTooLarge"
    assert "was applied" in failure.message and "101 bytes" in failure.message
    assert await member.call(b"big 100") == ApplicationResult(3, bytes(100))
    await member.host.stop()


async def test_a_retry_finds_the_reply(tmp_path: Path) -> None:
    member = await Member(tmp_path, replies_kept=2).start()
    member.register()
    (pending,) = member.commit(b"5")
    assert member.host.reply(2, 0) is pending
    await result_of(pending)
    assert member.host.reply(2, 0) == ApplicationResult(2, b"5")
    await member.call(b"1")
    await member.call(b"1")
    assert member.host.reply(2, 0) is None, "the oldest is forgotten first"
    assert isinstance(member.host.reply(4, 0), ApplicationResult)
    await member.host.stop()


async def test_another_version_stops_at_its_entry_and_the_right_one_goes_on(member: Member) -> None:
    member.register()
    await member.call(b"1")
    member.register("counter", 2)
    (lost,) = member.commit(b"2")
    failure = await result_of(lost)
    assert isinstance(failure, Failure)
    assert member.host.status().message == (
        "from index 3 on the log demands 'counter' version 2; this member runs 'counter' version 1: "
        "restart it with application.machine set to that class and version"
    )
    await member.host.stop()
    await member.restart()
    await until_state(member, ApplicationState.FAILED)
    await member.host.stop()
    member.compacted = 3
    await member.restart("CounterTwo")
    assert await member.trace() == ["2:1:1002", "4:2:1004"], "version 1 applied what was its own, version 2 the rest"


async def test_a_machine_that_is_not_registered_yet_waits(tmp_path: Path) -> None:
    member = await Member(tmp_path, "CounterTwo").start()
    await until_state(member, ApplicationState.RUNNING)
    assert member.host.status().name == "counter" and member.host.version() is None
    member.register("counter", 1)
    await until_state(member, ApplicationState.FAILED)
    assert "demands 'counter' version 1; this member runs 'counter' version 2" in member.host.status().message
    await member.host.stop()


async def test_a_member_that_stops_answers_everyone(member: Member) -> None:
    member.register()
    await member.call(b"1")
    (pending,) = member.commit(b"sleep 0.2")
    (behind,) = member.commit(b"1")
    await member.host.stop()
    assert isinstance(await result_of(pending), ApplicationResult), "the last snapshot waits for what was committed"
    assert isinstance(await result_of(behind), ApplicationResult)
    assert isinstance(member.commit(b"1")[0], Failure)
    assert isinstance(member.host.reply(3, 0), ApplicationResult)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 30])
async def test_a_start_that_is_called_off_leaves_no_process(tmp_path: Path, turns: int) -> None:
    member = await Member(tmp_path).start()
    for _ in range(turns):
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await member.host.stop()
    assert member.host.status().state == ApplicationState.STOPPED
    assert member.host.status().pid == 0


async def test_a_member_that_is_behind_takes_over_anothers_state(tmp_path: Path) -> None:
    sender = await Member(tmp_path / "sender").start()
    sender.register()
    answers = [sender.commit(b"1")[0] for _ in range(30)]
    asked = sender.host.snapshot(sender.applied)
    later = sender.commit(b"5")
    snapshot = await asyncio.wait_for(asked, 10)
    assert snapshot is not None and snapshot.header.index == 31, "exactly the state asked for, though more was committed at once"
    assert all([isinstance(await result_of(answer), ApplicationResult) for answer in answers + later])
    source = ApplicationSnapshotSource(snapshot)
    snapshot.path.unlink()
    content = await source.read(0, source.size_bytes)
    source.close()
    with pytest.raises(Refused):
        await source.read(0, 1)

    receiver = await Member(tmp_path / "receiver").start()
    file = tmp_path / "received"
    file.write_bytes(content[:-1])
    with pytest.raises(Refused, match="SHA-256"):
        await receiver.host.install(31, ("counter", 1), file)
    file.write_bytes(content)
    with pytest.raises(Refused, match="at index 31; expected 'counter' version 1 at index 30"):
        await receiver.host.install(30, ("counter", 1), file)
    await receiver.host.install(31, ("counter", 1), file)
    receiver.applied, receiver.registered, receiver.compacted = 31, ("counter", 1), 31
    assert await receiver.call(b"1") == ApplicationResult(32, b"31")
    for member in (sender, receiver):
        await member.host.stop()


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        ("BadInit", "OSError: no configuration"),
        ("NoName", "NoName.name is None: give it a text"),
        ("NoVersion", "version is 'one': give it a whole number"),
        ("NotAMachine", "is not a subclass of quorate.StateMachine"),
        ("Missing", "has no attribute 'Missing'"),
    ],
)
async def test_a_class_that_is_no_machine_is_named(tmp_path: Path, machine: str, message: str) -> None:
    member = await Member(tmp_path, machine).start()
    await until_state(member, ApplicationState.FAILED)
    assert message in member.host.status().message
    await member.host.stop()


@pytest.mark.parametrize("machine", ["Large", "Empty"])
async def test_states_of_any_size_come_back(tmp_path: Path, machine: str) -> None:
    name = machine.lower()
    member = await Member(tmp_path, machine).start()
    member.register(name, 1)
    before = await member.call(b"4")
    await member.host.stop()
    await member.restart()
    assert isinstance(await member.call(b"4"), ApplicationResult)
    assert isinstance(before, ApplicationResult) and member.host.status().restarts == 0
    await member.host.stop()


@pytest.mark.parametrize(
    ("machine", "name", "message"),
    [
        ("BadRestore", "bad restore", "restoring a snapshot: LookupError: this snapshot is of another age"),
        ("BadSnapshot", "bad snapshot", "taking a snapshot: RuntimeError: no snapshot today"),
    ],
)
async def test_code_that_fails_outside_of_apply_is_named_too(tmp_path: Path, machine: str, name: str, message: str) -> None:
    member = await Member(tmp_path, machine).start()
    member.register(name, 1)
    member.commit(b"1")
    if machine == "BadRestore":
        await until(lambda: member.host.status().commands == 1)
        await member.host.stop()
        await member.restart()
    await until_state(member, ApplicationState.FAILED)
    assert member.host.status().message == message
    await member.host.stop()


async def test_a_state_that_the_machine_is_ahead_of_has_no_snapshot_of_it(member: Member) -> None:
    """A power loss took the newest of the state here, not the machine's own snapshot: who wants the two together asks another member."""
    member.register()
    for payload in (b"1", b"2", b"3"):
        await member.call(payload)
    await member.host.snapshot(member.applied)
    await member.host.stop()
    member.host = ApplicationHost(member.settings, member.directory, member.read)
    await member.host.start(2, member.registered)
    early = member.host.snapshot(2)
    await until_state(member, ApplicationState.RUNNING)
    assert await asyncio.wait_for(early, 20) is None
    assert await asyncio.wait_for(member.host.snapshot(2), 20) is None
    kept = await asyncio.wait_for(member.host.snapshot(4), 20)
    assert kept is not None and kept.header.index == 4
