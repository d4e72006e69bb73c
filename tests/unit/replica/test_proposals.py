"""Commands wait, become entries, and are answered once."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate.wire.commands import Batch, Command, CommandKind, Put
from quorate.wire.results import PutResult, Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.replica.parcel import Parcel, command_bytes
from quorate_node.replica.proposals import InFlight, Pending, commands_of, encode_batch
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings


def command(number: int, size: int = 0) -> Command:
    payload = msgspec.msgpack.encode(Put(b"%d" % number, b"x" * size))
    return Command(CommandKind.PUT, 1, 0, 0, 0, "", 0, msgspec.Raw(payload))


class Answers(list[Result | ServiceError]):
    def waiter(self, deadline_s: float = 10.0) -> Parcel:
        return Parcel.single(command(0), self.append, deadline_s)


class Numbered(dict[int, Result | ServiceError | PendingResult]):
    """An asker of many: what each of its numbers was answered, each once."""

    def answered(self, offset: int, results: Sequence[Result | PendingResult]) -> None:
        for number, result in enumerate(results, start=offset):
            assert number not in self, f"number {number} was answered twice"
            self[number] = result

    def failed(self, offset: int, count: int, error: ServiceError) -> None:
        self.answered(offset, [error] * count)  # type: ignore[list-item]


def single(one: Command, deadline_s: float = 1.0) -> Parcel:
    return Parcel.single(one, lambda _: None, deadline_s)


sizes_of_parcels = st.lists(st.lists(st.integers(0, 400), min_size=1, max_size=9), max_size=30)


@given(sizes_of_parcels, st.integers(1, 10), st.integers(100, 900))
def test_batches_keep_the_order_lose_nothing_and_respect_both_limits(parcels: list[list[int]], count_max: int, bytes_max: int) -> None:
    settings = ReplicaSettings(batch_commands_max=count_max, batch_bytes_max=bytes_max)
    pending, asker = Pending(settings), Numbered()
    commands: list[Command] = []
    for sizes in parcels:
        run = [command(len(commands) + number, size) for number, size in enumerate(sizes)]
        assert pending.add(Parcel.of(run, asker, 1.0, offset=len(commands)))
        commands += run
    taken: list[Command] = []
    while pending:
        before = len(pending)
        entry = pending.take()
        batch = commands_of(entry)
        assert 1 <= len(batch) <= count_max and len(pending) == before - len(batch)
        assert sum(command_bytes(one) for one in batch) <= bytes_max or len(batch) == 1
        for parcel in entry:
            parcel.asker.answered(parcel.offset, [PutResult(parcel.offset + i) for i in range(parcel.count)])
        taken += batch
    assert taken == commands
    assert asker == {number: PutResult(number) for number in range(len(commands))}, "each is answered by its own number"


def test_a_full_queue_refuses_by_count_and_by_bytes_and_takes_nothing_of_what_it_refuses() -> None:
    by_count = Pending(ReplicaSettings(pending_commands_max=2))
    assert by_count.add(single(command(1)))
    assert not by_count.add(Parcel.of([command(2), command(3)], Numbered(), 1.0))
    assert len(by_count) == 1
    by_bytes = Pending(ReplicaSettings(pending_bytes_max=100))
    assert not by_bytes.add(single(command(1, 200)))


def test_what_was_not_accepted_goes_back_to_the_front() -> None:
    pending = Pending(ReplicaSettings(batch_commands_max=2))
    first, second, third, fourth = (command(number) for number in range(4))
    pending.add(Parcel.of([first, second, third], Numbered(), 1.0))
    entry = pending.take()
    pending.add(single(fourth))
    pending.put_back(entry)
    assert commands_of(pending.take()) == [first, second]
    assert commands_of(pending.take()) == [third, fourth]


def test_only_the_late_expire_and_the_rest_keeps_its_order() -> None:
    pending = Pending(ReplicaSettings())
    for number in range(4):
        pending.add(single(command(number), float(number % 2)))
    assert len(pending.expire(0.5)) == 2 and len(pending) == 2
    assert [one.payload for one in commands_of(pending.take())] == [command(1).payload, command(3).payload]
    assert pending.expire(9.0) == []


def test_one_who_asked_one_thing_hears_of_a_later_result_when_it_comes() -> None:
    in_flight, answers, later = InFlight(), Answers(), PendingResult()
    in_flight.add(5, 2, [answers.waiter()])
    in_flight.applied(5, 2, [later])
    assert answers == []
    later.resolve(PutResult(7))
    assert answers == [PutResult(7)]


def test_a_membership_change_has_no_command_and_one_answer() -> None:
    in_flight, answers = InFlight(), Answers()
    in_flight.add(5, 2, [Parcel.without_command(answers.append, 10.0)])
    in_flight.applied(5, 2, [PutResult(1)])
    assert answers == [PutResult(1)]


def test_a_late_parcel_of_many_is_told_so_number_by_number_and_its_neighbours_get_their_own_results() -> None:
    in_flight, late, punctual = InFlight(), Numbered(), Numbered()
    two = [command(1), command(2)]
    in_flight.add(5, 2, [Parcel.of(two, late, 1.0, offset=3), Parcel.of(two, punctual, 9.0)])
    in_flight.expire(2.0)
    in_flight.applied(5, 2, [PutResult(1), PutResult(2), PutResult(3), PutResult(4)])
    assert {number: getattr(answer, "error", "") for number, answer in late.items()} == {3: "Timeout", 4: "Timeout"}
    assert punctual == {0: PutResult(3), 1: PutResult(4)}


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
