"""Sessions: once, the same answer for ever, and nothing after their end."""

from __future__ import annotations

import msgspec
import pytest

from quorate.wire.commands import BATCH_FORMAT, Batch, Command, CommandKind, Put
from quorate.wire.results import Failure, PutResult, Result
from quorate_node.protocol.entry import EntryType
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.checkers.sessions import exactly_once
from quorate_node.simulator.history import CommittedEntry, Operation, Outcome
from tests.unit.simulator.checkers.records import K, history, lost, operation, put

_encode = msgspec.msgpack.Encoder().encode
EXPIRED = Failure("SessionExpired", "session 5 is unknown", 9)


def entry(index: int, *commands: tuple[int, int, Result], session: int = 5) -> CommittedEntry:
    """Commands as (session's seq, value's number, result)."""
    sent = [
        Command(int(CommandKind.PUT), 1, session, seq, 1, "", 0, msgspec.Raw(_encode(Put(K, b"v%d" % value)))) for seq, value, _ in commands
    ]
    data = _encode(Batch(BATCH_FORMAT, 0, sent))
    return CommittedEntry(index, 1, EntryType.NORMAL, data, index, "n1", tuple(result for *_, result in commands))


def test_a_command_that_was_sent_three_times_and_answered_once_and_for_all() -> None:
    told = [entry(1, (1, 1, PutResult(2)), (2, 2, PutResult(3))), entry(2, (1, 1, PutResult(2))), entry(3, (1, 1, PutResult(2)))]
    answered = put(b"v1", 0, 5, 2, session=5, seq=1, attempts=3)
    assert exactly_once(Evidence(history(answered, committed=told))) == 5


def test_answers_that_carry_nothing_out_may_come_at_any_time() -> None:
    late = entry(1, (9, 1, Failure("TooManyRequests", "", 1)))
    done = entry(2, (9, 1, PutResult(2)))
    forgotten = entry(3, (9, 1, Failure("SessionSequenceForgotten", "", 2)))
    assert exactly_once(Evidence(history(committed=[late, done, forgotten, entry(4, (1, 1, EXPIRED))]))) == 4


def test_a_failure_may_be_worded_anew() -> None:
    told = [entry(1, (1, 1, Failure("LeaseNotFound", "lease 3", 1))), entry(2, (1, 1, Failure("LeaseNotFound", "was refused", 1)))]
    assert exactly_once(Evidence(history(committed=told))) == 2


def test_the_smallest_command_that_is_carried_out_twice() -> None:
    with pytest.raises(Violated, match=r"otherwise than at first(.|\n)*entry 1 command 0: session 5 seq 1(.|\n)*entry 2 command 0"):
        exactly_once(Evidence(history(committed=[entry(1, (1, 1, PutResult(2))), entry(2, (1, 1, PutResult(3)))])))


def test_the_smallest_session_that_lives_after_its_end() -> None:
    with pytest.raises(Violated, match="a session that had expired"):
        exactly_once(Evidence(history(committed=[entry(1, (1, 1, EXPIRED)), entry(2, (1, 1, PutResult(2)))])))
    other = [entry(1, (1, 1, EXPIRED)), entry(2, (1, 1, PutResult(2)), session=6)]
    assert exactly_once(Evidence(history(committed=other))) == 2


def test_an_entry_whose_results_do_not_fit_its_commands() -> None:
    short = msgspec.structs.replace(entry(1, (1, 1, PutResult(2)), (2, 2, PutResult(3))), results=(PutResult(2),))
    with pytest.raises(Violated, match="2 commands and 1 results"):
        exactly_once(Evidence(history(committed=[short])))


def expired(begin_s: float, end_s: float, seq: int) -> Operation:
    return operation(Put(K, b"x%d" % seq), begin_s, end_s, EXPIRED, 9, outcome=Outcome.FAILED, error="SessionExpired", session=5, seq=seq)


class TestByWhatClientsSaw:
    def test_every_attempt_has_the_same_answer(self) -> None:
        attempts = lost(b"a", 0, session=5, seq=1), put(b"a", 2, 3, 2, session=5, seq=1), put(b"a", 4, 5, 2, session=5, seq=1)
        assert exactly_once(Evidence(history(*attempts))) == 2

    def test_two_answers(self) -> None:
        with pytest.raises(Violated, match="otherwise than at first"):
            exactly_once(Evidence(history(put(b"a", 2, 3, 2, session=5, seq=1), put(b"a", 4, 5, 3, session=5, seq=1))))

    def test_another_answer_than_the_members_gave(self) -> None:
        with pytest.raises(Violated, match="otherwise than the members answered"):
            exactly_once(Evidence(history(put(b"v1", 2, 3, 4, session=5, seq=1), committed=[entry(1, (1, 1, PutResult(2)))])))

    def test_a_session_that_came_back(self) -> None:
        with pytest.raises(Violated, match="a session that had expired"):
            exactly_once(Evidence(history(expired(0, 1, 1), put(b"a", 2, 3, 2, session=5, seq=2))))
        overlapping = put(b"a", 0.5, 3, 2, session=5, seq=2)
        assert exactly_once(Evidence(history(expired(0, 1, 1), overlapping))) == 1
