"""Commands wait, become entries, and are answered once."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Batch, Command, CommandKind, Put
from quorate.wire.results import PutResult, Result
from quorate_node.replica.proposals import InFlight, Pending, encode_batch
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings


def command(number: int, size: int = 0) -> Command:
    payload = msgspec.msgpack.encode(Put(b"%d" % number, b"x" * size))
    return Command(CommandKind.PUT, 1, 0, 0, 0, "", 0, msgspec.Raw(payload))


class Answers(list[Result | ServiceError]):
    def waiter(self, deadline_s: float = 10.0) -> tuple[object, float]:
        return self.append, deadline_s


@given(st.lists(st.integers(0, 400), max_size=60), st.integers(1, 10), st.integers(100, 900))
def test_batches_keep_the_order_lose_nothing_and_respect_both_limits(sizes: list[int], count_max: int, bytes_max: int) -> None:
    settings = ReplicaSettings(batch_commands_max=count_max, batch_bytes_max=bytes_max)
    pending = Pending(settings)
    commands = [command(number, size) for number, size in enumerate(sizes)]
    for one in commands:
        assert pending.add(one, (lambda _: None, 1.0))
    taken: list[Command] = []
    while pending:
        batch, waiters = pending.take()
        assert 1 <= len(batch) <= count_max and len(waiters) == len(batch)
        size = sum(memoryview(one.payload).nbytes + 32 for one in batch)
        assert size <= bytes_max or len(batch) == 1
        taken += batch
    assert taken == commands


def test_a_full_queue_refuses_by_count_and_by_bytes() -> None:
    by_count = Pending(ReplicaSettings(pending_commands_max=1))
    assert by_count.add(command(1), (print, 1.0))
    assert not by_count.add(command(2), (print, 1.0))
    by_bytes = Pending(ReplicaSettings(pending_bytes_max=100))
    assert not by_bytes.add(command(1, 200), (print, 1.0))


def test_what_was_not_accepted_goes_back_to_the_front() -> None:
    pending = Pending(ReplicaSettings())
    first, second = command(1), command(2)
    pending.add(first, (print, 1.0))
    batch, waiters = pending.take()
    pending.add(second, (print, 1.0))
    pending.put_back(batch, waiters)
    assert pending.take()[0] == [first, second]


def test_only_the_late_expire_and_the_rest_keeps_its_order() -> None:
    pending = Pending(ReplicaSettings())
    for number in range(4):
        pending.add(command(number), (print, float(number % 2)))
    assert len(pending.expire(0.5)) == 2
    assert [one.payload for one in pending.take()[0]] == [command(1).payload, command(3).payload]
    assert pending.expire(9.0) == []


def test_a_batch_is_what_the_machine_will_decode() -> None:
    batch = msgspec.msgpack.decode(encode_batch(77, [command(1), command(2)]), type=Batch)
    assert batch.log_time_ms == 77
    assert [msgspec.msgpack.decode(one.payload, type=Put).key for one in batch.commands] == [b"1", b"2"]


def test_results_reach_those_who_wait_for_that_index_and_term() -> None:
    in_flight, answers = InFlight(), Answers()
    in_flight.add(5, 2, [answers.waiter(), answers.waiter()])
    in_flight.applied(4, 2, [])
    assert answers == []
    in_flight.applied(5, 2, [PutResult(1), PutResult(2)])
    assert answers == [PutResult(1), PutResult(2)] and len(in_flight) == 0


def test_an_entry_of_another_term_in_the_same_place_means_that_ours_was_not_applied() -> None:
    in_flight, answers = InFlight(), Answers()
    in_flight.add(5, 2, [answers.waiter()])
    in_flight.applied(5, 3, [PutResult(9)])
    assert isinstance(answers[0], ServiceError) and answers[0].error == "LeadershipLost"


def test_a_newer_terms_entry_ends_everything_older_from_there_on() -> None:
    in_flight, answers = InFlight(), Answers()
    for index in (4, 5, 6):
        in_flight.add(index, 2, [answers.waiter()])
    in_flight.truncated(5, 3)
    assert len(in_flight) == 1 and len(answers) == 2


def test_an_expired_waiter_is_answered_once_and_the_others_still_get_their_result() -> None:
    in_flight, late, punctual = InFlight(), Answers(), Answers()
    in_flight.add(5, 2, [late.waiter(1.0), punctual.waiter(9.0)])
    in_flight.expire(2.0)
    in_flight.expire(3.0)
    in_flight.applied(5, 2, [PutResult(1), PutResult(2)])
    assert [getattr(a, "error", "") for a in late] == ["Timeout"]
    assert punctual == [PutResult(2)]


def test_results_must_match_the_waiters() -> None:
    in_flight, answers = InFlight(), Answers()
    in_flight.add(5, 2, [answers.waiter()])
    with pytest.raises(AssertionError, match="one result a command"):
        in_flight.applied(5, 2, [])
