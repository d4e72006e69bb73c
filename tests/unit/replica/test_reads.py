"""Reads share quorum rounds and are served when what was confirmed is applied."""

from __future__ import annotations

from quorate_node.protocol.ready import ReadState
from quorate_node.replica.reads import ReadQueue
from quorate_node.replica.service import ServiceError
from quorate_node.replica.settings import ReplicaSettings


class Rounds:
    def __init__(self, rounds_max: int = 1, pending_max: int = 100) -> None:
        self.asked: list[bytes] = []
        self.leader = True
        self.now_s = 0.0
        self.waits: list[float] = []
        self.served: list[ServiceError | None] = []
        settings = ReplicaSettings(read_rounds_max=rounds_max, pending_reads_max=pending_max, read_linger_ms=0)
        self.queue = ReadQueue(settings, 7, self.ask, lambda: self.now_s, self.waits.append)

    def ask(self, context: bytes) -> bool:
        if self.leader:
            self.asked.append(context)
        return self.leader

    def read(self, count: int = 1, deadline_s: float = 10.0) -> None:
        for _ in range(count):
            assert self.queue.add(self.served.append, deadline_s)
        self.queue.start()


def test_all_that_arrive_during_a_round_share_the_next() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.read(5)
    assert len(rounds.asked) == 1
    rounds.queue.confirmed([ReadState(3, rounds.asked[0])], applied_index=3)
    assert len(rounds.served) == 1 and len(rounds.asked) == 2
    rounds.queue.confirmed([ReadState(3, rounds.asked[1])], applied_index=3)
    assert rounds.served == [None] * 6 and len(rounds.queue) == 0


def test_a_read_waits_until_the_confirmed_index_is_applied() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.queue.confirmed([ReadState(5, rounds.asked[0])], applied_index=4)
    rounds.queue.applied(4)
    assert rounds.served == []
    rounds.queue.applied(5)
    assert rounds.served == [None]


def test_contexts_of_others_and_answers_that_come_twice_serve_nobody() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.queue.confirmed([ReadState(1, b"another process's")], applied_index=9)
    assert rounds.served == []
    state = ReadState(1, rounds.asked[0])
    rounds.queue.confirmed([state, state], applied_index=9)
    assert rounds.served == [None]


def test_without_a_leader_reads_gather_and_lost_rounds_are_asked_again() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.leader = False
    rounds.queue.retry_rounds()
    rounds.read()
    assert len(rounds.asked) == 1
    rounds.leader = True
    rounds.queue.start()
    assert len(rounds.asked) == 2 and rounds.asked[0] != rounds.asked[1]
    rounds.queue.confirmed([ReadState(1, rounds.asked[1])], applied_index=1)
    assert rounds.served == [None, None]


def test_late_readers_are_told_wherever_they_wait() -> None:
    rounds = Rounds(rounds_max=2)
    rounds.read(deadline_s=1.0)
    rounds.read(deadline_s=1.0)
    rounds.queue.confirmed([ReadState(9, rounds.asked[1])], applied_index=1)
    rounds.read(deadline_s=5.0)
    rounds.queue.expire(2.0)
    assert [error.error for error in rounds.served if error is not None] == ["Timeout", "Timeout"]
    assert len(rounds.queue) == 1


def test_a_full_queue_refuses() -> None:
    rounds = Rounds(pending_max=1)
    rounds.read()
    assert not rounds.queue.add(rounds.served.append, 1.0)


def test_stopping_tells_everybody() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.read()
    rounds.queue.fail_all(ServiceError("ShuttingDown", "stopping"))
    assert len(rounds.served) == 2 and len(rounds.queue) == 0


def test_a_round_that_nobody_answers_is_asked_again() -> None:
    rounds = Rounds()
    rounds.read()
    rounds.queue.retry_lost()
    assert len(rounds.asked) == 1
    rounds.now_s = 1.0
    rounds.queue.retry_lost()
    assert len(rounds.asked) == 2
    rounds.queue.confirmed([ReadState(1, rounds.asked[1])], applied_index=1)
    assert rounds.served == [None]
