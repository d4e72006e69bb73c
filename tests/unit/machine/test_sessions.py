"""Sessions: once, the same answer again, never without a session, and bounded."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import (
    ApplicationVersion,
    CommandKind,
    LeaseGrant,
    Operation,
    Put,
    Range,
    SessionClose,
    SessionCreate,
    SessionExpire,
    Txn,
)
from quorate.wire.results import ApplicationResult, Failure, PutResult, Result
from quorate_node.machine import rules
from quorate_node.machine.application_port import Pending
from quorate_node.machine.interface import Refused
from quorate_node.machine.rules import Rules
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import ALL, Member, command

REGISTER = command(ApplicationVersion("counter", 2), kind=CommandKind.APPLICATION_VERSION)


def session_of(member: Member, ttl_ms: int = 5_000, at_ms: int = 0) -> int:
    session: int = member.one(SessionCreate(ttl_ms), at_ms).session
    return session


def put(session: int, seq: int, acked_below: int = 1, value: bytes = b"v") -> object:
    return command(Put(b"k", value), session=session, seq=seq, acked_below=acked_below)


def test_a_retry_is_answered_as_the_first_time_and_changes_nothing(member: Member) -> None:
    session = session_of(member)
    first = member.one(put(session, 1))
    member.one(Put(b"k", b"later"))
    assert member.one(put(session, 1)) == first == PutResult(2)
    assert member.machine.get_many([b"k"])[0].value == b"later"
    assert member.machine.revision == 3


def test_a_retry_in_the_same_entry_and_after_a_restart(member: Member) -> None:
    session = session_of(member)
    assert member.do(put(session, 1), put(session, 1)) == [PutResult(2), PutResult(2)]
    member.restart(member.store)
    assert member.one(put(session, 1)) == PutResult(2)


def test_a_refusal_too_is_remembered(memory_member: Member) -> None:
    session = session_of(memory_member)
    refused = memory_member.one(command(Put(b"k", ignore_value=True), session=session, seq=1))
    assert refused.error == "KeyNotFound"
    memory_member.one(Put(b"k"))
    again = memory_member.one(command(Put(b"k", ignore_value=True), session=session, seq=1))
    assert (again.error, again.revision) == (refused.error, refused.revision)
    assert "was refused with KeyNotFound when it was first applied" in again.message


def test_no_release_puts_its_words_into_the_state(memory_member: Member) -> None:
    session = session_of(memory_member)
    refused = memory_member.one(command(Put(b"k", ignore_value=True), session=session, seq=1))
    ((_, reply),) = memory_member.canonical()["replies"]
    assert refused.message.encode() not in reply
    assert len(reply) < 30


@given(order=st.permutations(range(1, 9)), again=st.lists(st.integers(1, 8)))
def test_any_order_within_the_window_takes_effect_once(order: list[int], again: list[int]) -> None:
    member = Member(MemoryStateStore(MemoryDisk(), "1"))
    session = session_of(member)
    replies: dict[int, Result] = {}
    for seq in (*order, *again):
        reply = member.one(command(Put(b"%d" % seq), session=session, seq=seq))
        assert replies.setdefault(seq, reply) == reply
    assert member.machine.revision == 9


def test_an_unknown_or_expired_session_is_never_executed(memory_member: Member) -> None:
    session = session_of(memory_member, ttl_ms=1_000, at_ms=0)
    assert memory_member.one(put(77, 1)).error == "SessionExpired"
    assert memory_member.machine.due(999) == []
    (proposal,) = memory_member.machine.due(1_000)
    assert proposal.kind == CommandKind.SESSION_EXPIRE
    memory_member.do(proposal, at_ms=1_000)
    assert memory_member.one(put(session, 1)).error == "SessionExpired"
    assert memory_member.machine.revision == 1


def test_use_keeps_a_session_alive_against_an_expiry_already_on_its_way(memory_member: Member) -> None:
    session = session_of(memory_member, ttl_ms=1_000)
    (proposal,) = memory_member.machine.due(1_000)
    memory_member.do(put(session, 1), proposal, at_ms=1_000)
    assert memory_member.one(put(session, 2)) == PutResult(3)


def test_what_was_acknowledged_is_forgotten_and_says_so(memory_member: Member) -> None:
    session = session_of(memory_member)
    memory_member.do(put(session, 1), put(session, 2))
    memory_member.one(put(session, 3, acked_below=3))
    assert memory_member.one(put(session, 2)).error == "SessionSequenceForgotten"
    assert len(memory_member.canonical()["replies"]) == 1
    memory_member.one(SessionClose(session))
    assert memory_member.canonical()["replies"] == memory_member.canonical()["sessions"] == []


@pytest.mark.parametrize(("seq", "acked_below"), [(0, 1), (1, 2), (3, 0), (-1, -1)])
def test_nonsense_numbers_are_refused_without_effect(memory_member: Member, seq: int, acked_below: int) -> None:
    session = session_of(memory_member)
    assert memory_member.one(put(session, seq, acked_below)).error == "InvalidArgument"
    assert memory_member.machine.revision == 1


def test_the_window_is_bounded_and_can_be_moved(memory_member: Member) -> None:
    session, window = session_of(memory_member), Rules().session_window
    assert memory_member.one(put(session, window + 1)).error == "TooManyRequests"
    assert memory_member.one(put(session, window)) == PutResult(2)
    assert memory_member.one(put(session, window + 1, acked_below=2)) == PutResult(3)


def test_a_reply_too_large_to_keep_still_takes_effect_once(memory_member: Member) -> None:
    session = session_of(memory_member)
    memory_member.one(Put(b"big", bytes(Rules().session_reply_bytes_max)))
    request = command(Txn(success=(Operation(put=Put(b"n")), Operation(range=Range(*ALL)))), session=session, seq=1)
    assert memory_member.one(request).succeeded
    again = memory_member.one(request)
    assert again.error == "SessionSequenceForgotten"
    assert "took effect, at revision 3 or before; its reply was too large" in again.message
    assert memory_member.machine.revision == 3


def test_the_sessions_that_would_expire_first_make_room(memory_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 1, dataclasses.replace(Rules(), sessions_max=3))
    first, second, third = session_of(memory_member, 9_000), session_of(memory_member, 2_000), session_of(memory_member, 5_000)
    fourth = session_of(memory_member)
    assert memory_member.one(put(second, 1)).error == "SessionExpired"
    for seq, session in enumerate((first, third, fourth), start=2):
        assert memory_member.one(put(session, 1)) == PutResult(seq)


class LateApplication:
    """A port whose answers come when the test says."""

    def __init__(self) -> None:
        self.submitted: list[tuple[int, int, bytes]] = []
        self.pending: dict[tuple[int, int], Pending] = {}
        self.registered: list[tuple[int, str, int]] = []

    def version(self) -> tuple[str, int] | None:
        return "counter", 1

    def submit(self, index: int, position: int, log_time_ms: int, payload: bytes) -> Pending:
        self.submitted.append((index, position, payload))
        return self.pending.setdefault((index, position), Pending())

    def register(self, index: int, name: str, version: int) -> None:
        self.registered.append((index, name, version))

    def reply(self, index: int, position: int) -> Result | Pending | None:
        return self.pending.get((index, position))


def test_an_application_that_answers_late_is_asked_once() -> None:
    port = LateApplication()
    member = Member(MemoryStateStore(MemoryDisk(), "1"), application=port)
    member.one(REGISTER)
    session = session_of(member)
    request = command(b"add", session=session, seq=1, kind=CommandKind.APPLICATION)
    first, again = member.do(request, request)
    assert isinstance(first, Pending)
    assert again is first
    answers: list[Result] = []
    first.set_callback(answers.append)
    port.pending[3, 0].resolve(ApplicationResult(3, b"1"))
    assert answers == [ApplicationResult(3, b"1")]
    assert member.one(request) == ApplicationResult(3, b"1")
    assert port.submitted == [(3, 0, b"add")]
    member.restart(member.store)
    assert member.one(request).result == ApplicationResult(3, b"1")
    del port.pending[3, 0]
    member.restart(member.store)
    assert member.one(request).error == "SessionSequenceForgotten"


def test_what_the_application_answered_is_dropped_with_its_acknowledgement() -> None:
    port = LateApplication()
    member = Member(MemoryStateStore(MemoryDisk(), "1"))
    member.machine.set_application(port)
    member.one(REGISTER)
    session = session_of(member)
    for seq in range(1, 6):
        member.one(command(b"add", session=session, seq=seq, acked_below=seq, kind=CommandKind.APPLICATION))
    assert list(member.machine._committed.pending) == [(session, 5)]
    member.one(SessionClose(session))
    assert member.machine._committed.pending == {}


def test_the_application_is_told_in_log_order_once_the_state_is_written() -> None:
    class Answering(LateApplication):
        def submit(self, index: int, position: int, log_time_ms: int, payload: bytes) -> Result:  # type: ignore[override]
            assert member.machine.applied_index == index
            self.submitted.append((index, position, payload))
            return ApplicationResult(index, payload)

        def register(self, index: int, name: str, version: int) -> None:
            super().register(index, name, version)
            self.submitted.append((index, -1, name.encode()))

    port = Answering()
    member = Member(MemoryStateStore(MemoryDisk(), "1"), application=port)
    before, _, one, two = member.do(command(b"0", kind=13), REGISTER, command(b"1", kind=13), command(b"2", kind=13))
    assert before == ApplicationResult(1, b"")
    assert (one.result, two.result) == (ApplicationResult(1, b"1"), ApplicationResult(1, b"2"))
    assert port.submitted == [(1, -1, b"counter"), (1, 2, b"1"), (1, 3, b"2")]


def test_a_registered_application_that_this_member_does_not_run_keeps_the_order(memory_member: Member) -> None:
    memory_member.one(REGISTER)
    assert memory_member.one(command(b"1", kind=13)).result == ApplicationResult(2, b"")


def test_an_id_that_is_taken_is_passed_over(memory_member: Member) -> None:
    """Ids come from the place in the log, which starts anew in a restored cluster, beside leases that were kept."""
    taken = (1 << 16) + 2
    results = memory_member.do(LeaseGrant(1_000, taken), LeaseGrant(1_000))
    assert results[1].lease == taken + 1


def test_without_an_application_a_command_is_its_place_in_the_log(memory_member: Member) -> None:
    assert memory_member.one(command(b"x", kind=CommandKind.APPLICATION)) == ApplicationResult(1, b"")


def test_a_malformed_ttl_is_refused(memory_member: Member) -> None:
    assert isinstance(memory_member.one(SessionCreate(1)), Failure)
    with pytest.raises(Refused, match="ttl_ms 1 of a session is not within 1000"):
        memory_member.machine.check(CommandKind.SESSION_CREATE, command(SessionCreate(1)).payload)


def test_expiring_a_session_that_is_gone_changes_nothing(memory_member: Member) -> None:
    assert memory_member.one(SessionExpire((5,))).revision == 1
