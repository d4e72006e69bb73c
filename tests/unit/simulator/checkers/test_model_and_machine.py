"""The checkers' model and the machine were written apart from each other: on random requests they do and answer the same."""

from __future__ import annotations

from random import Random
from typing import Any

from quorate.wire.commands import LeaseExpire, Range
from quorate.wire.results import Event, EventType, Failure, KeyValue
from quorate_node.machine.interface import Refused, WatchRequest
from quorate_node.simulator.checkers.verdict import judge
from quorate_node.simulator.history import Change, Delivery, History, Operation, Outcome, WatchRecord, WatchStretch
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import ALL, Member, drain
from tests.unit.machine.random_requests import RandomRequests

SEEDS = 30
REQUESTS = 120
JUDGED = ["linearizable", "watch-ordered", "watch-unique", "watch-atomic", "watch-reliable", "watch-resumable", "watch-filtered"]
CONTENT = ["watch-previous", "watch-is-create", "sessions-exactly-once"]


def lived(seed: int) -> History:
    """One client's requests, one after the other, with what the machine answered; and a watch over everything."""
    random = Random(seed)
    requests = RandomRequests(random)
    member = Member(MemoryStateStore(MemoryDisk(), "1"))
    watch = member.machine.watch(WatchRequest(*ALL, start_revision=1, previous=True))
    history = History()
    events: list[Event] = []
    deliveries: list[Delivery] = []
    for number in range(REQUESTS):
        requests.revision = member.machine.revision
        request: Any = requests.range() if random.random() < 0.3 else requests.request()
        if isinstance(request, LeaseExpire):
            member.one(request, at_ms=number * 100)
        else:
            history.operations.append(_operation(number, request, _answer(member, request, number * 100)))
        came, compacted = drain(watch)
        assert compacted is None, "a watch that is up to date loses nothing to compaction"
        events += came
        if came:
            deliveries.append(Delivery(10 * number + 6, came[-1].kv.mod_revision, tuple(came)))
    history.changes = [_change(event) for event in events]
    whole = WatchStretch(member="n1", opened_ns=0, start_revision=1, first_revision=1, deliveries=tuple(deliveries))
    history.watches = [WatchRecord(watch=1, client=2, key=ALL[0], range_end=ALL[1], previous=True, stretches=(whole,))]
    return history


def _answer(member: Member, request: Any, at_ms: int) -> Any:
    if not isinstance(request, Range):
        return member.one(request, at_ms=at_ms)
    try:
        return member.machine.range(request)
    except Refused as refused:
        return Failure(refused.error, refused.message, member.machine.revision)


def _operation(number: int, request: Any, result: Any) -> Operation:
    failed = isinstance(result, Failure)
    return Operation(
        number=number, client=1, request=request, invoked_ns=10 * number, completed_ns=10 * number + 5, member="n1", result=result,
        outcome=Outcome.FAILED if failed else Outcome.OK, revision=result.revision, error=result.error if failed else "",
    )  # fmt: skip


def _change(event: Event) -> Change:
    kv: KeyValue = event.kv
    if event.type == EventType.DELETE:
        return Change(kv.mod_revision, kv.key, None)
    return Change(kv.mod_revision, kv.key, kv.value, kv.lease, kv.create_revision, kv.version)


def test_they_agree() -> None:
    judged = 0
    for seed in range(SEEDS):
        report = judge(lived(seed), [*JUDGED, *CONTENT])
        assert report.ok, f"seed {seed}:\n{report.render()}"
        judged += report.judged("linearizable")
    assert judged > SEEDS * REQUESTS * 0.6, judged


def test_the_search_agrees_too() -> None:
    for seed in range(SEEDS):
        report = judge(lived(seed), ["linearizable-by-search"])
        assert report.ok, f"seed {seed}:\n{report.render()}"
