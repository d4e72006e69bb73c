"""The whole bench of judges, and its report."""

from __future__ import annotations

import json
import random
import time

import pytest

from quorate.wire.commands import DeleteRange
from quorate.wire.results import Event, EventType, KeyValue
from quorate_node.simulator.checkers.finding import Finding, Verdict, Violated
from quorate_node.simulator.checkers.verdict import PROPERTIES, Report, judge
from quorate_node.simulator.history import Delivery, History, Led
from tests.unit.simulator.checkers.records import change, history, kv, lost, message, operation, progress, put, read, stretch, watch
from tests.unit.simulator.checkers.worlds import world

STALE = history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), read(kv(b"a", 2), 4, 5, 2), changes=[change(2, b"a"), change(3, b"b")])
OPERATIONS = 100_000
WATCHED_OPERATIONS = 40_000
LOST_DELETES = 4_000
JUDGED_IN_MAX_S = 10.0


def test_every_property_is_judged_and_a_violation_keeps_none_from_its_verdict() -> None:
    STALE.led = [Led(1, "n1", 1, 4), Led(2, "n2", 2, 4)]
    report = judge(STALE)
    assert [finding.property for finding in report.findings] == list(PROPERTIES)
    assert [finding.property for finding in report.violated] == ["linearizable", "linearizable-by-search", "election-safety"]
    assert not report.ok
    with pytest.raises(Violated, match=r"linearizable: went back(.|\n)*election-safety: term 4 has two leaders"):
        report.raise_if_violated()


def test_a_report_is_for_people() -> None:
    shown = judge(STALE, ["linearizable", "stale-reads", "watch-ordered"]).render().splitlines()
    assert shown[0] == "linearizable   VIOLATED"
    assert shown[1].strip().startswith("went back in time")
    assert shown[2].strip().startswith("#2000 client 2000 at n1, 2.000000s to 3.000000s: put k=b -> ok, revision 3")
    assert shown[-2:] == ["stale-reads    nothing to judge", "watch-ordered  nothing to judge"]
    assert judge(history(put(b"a", 0, 1, 2)), ["linearizable"]).render() == "linearizable  ok         1 judged\n"


def test_a_counterexample_that_is_the_same_is_told_once() -> None:
    twice = history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 2), changes=[change(2, b"a")])
    shown = judge(twice, ["linearizable", "linearizable-by-search", "committed-is-durable"]).render()
    assert shown.count("the same revision") == 1


def test_a_report_is_for_programs() -> None:
    told = json.loads(judge(STALE, ["linearizable", "stale-reads"]).to_json())
    assert [(each["property"], each["verdict"], each["judged"]) for each in told["findings"]] == [
        ("linearizable", "violated", 1),
        ("stale-reads", "ok", 0),
    ]
    assert told["findings"][0]["counterexample"].startswith("went back in time")


def test_undecided_is_neither() -> None:
    report = Report((Finding("linearizable-by-search", Verdict.UNDECIDED, 0, "k: no answer within 5 steps"),))
    assert report.ok
    assert report.render() == "linearizable-by-search  undecided  0 judged\n    k: no answer within 5 steps\n"
    report.raise_if_violated()


def test_a_true_history_of_every_kind_is_accused_of_nothing() -> None:
    judged = dict.fromkeys(PROPERTIES, 0)
    for seed in range(40):
        report = judge(world(random.Random(seed)))
        assert report.ok, f"seed {seed}:\n{report.render()}"
        assert all(finding.verdict is Verdict.OK for finding in report.findings), f"seed {seed}:\n{report.render()}"
        for finding in report.findings:
            judged[finding.property] += finding.judged
    clients_see = [name for name in PROPERTIES if name.startswith(("lin", "lease", "stale", "watch")) and name != "leases-end"]
    assert [name for name in clients_see if judged[name] < 40] == [], judged


def many(count: int) -> History:
    """Eight clients on forty keys, two operations at a time, a write of unknown outcome now and then."""
    operations, changes, newest = [], [], {}
    revision = 1
    for number in range(count // 2):
        key = b"key/%d" % (number % 40)
        begin_s = number / 1_000
        revision += 1
        create, version = newest[key][:2] if key in newest else (revision, 0)
        newest[key] = create, version + 1
        value = b"v%d" % number
        changes.append(change(revision, value, key))
        if number % 200 == 7:
            operations.append(lost(value, begin_s, key, number=2 * number, client=number))
        else:
            operations.append(put(value, begin_s, begin_s + 0.0015, revision, key, number=2 * number, client=number % 8))
        pair = kv(value, revision, create, version + 1, key)
        operations.append(read(pair, begin_s + 0.0002, begin_s + 0.0012, revision, key, number=2 * number + 1, client=8 + number % 8))
    return history(*operations, changes=changes)


@pytest.mark.parametrize("told", [True, False], ids=["with the changes", "without"])
def test_many_operations_are_judged_by_their_revisions_in_moments(told: bool) -> None:
    judged = many(OPERATIONS)
    if not told:
        judged.changes = []
    begun_s = time.process_time()
    report = judge(judged, ["linearizable"])
    took_s = time.process_time() - begun_s
    assert report.ok, report.render()
    assert report.judged("linearizable") >= OPERATIONS * 0.99
    assert took_s < JUDGED_IN_MAX_S, f"{took_s:.1f} s"


def test_watches_with_many_events_and_bookmarks_are_judged_in_moments() -> None:
    """Nine properties of three watches, a progress notification after every tenth event: no look at all that came before for each."""
    judged = many(WATCHED_OPERATIONS)
    newest: dict[bytes, KeyValue] = {}
    deliveries: list[Delivery] = []
    for each in judged.changes:
        before, at_s = newest.get(each.key), each.revision / 1_000
        create, version = (each.revision, 1) if before is None else (before.create_revision, before.version + 1)
        pair = newest[each.key] = kv(each.value or b"", each.revision, create, version, each.key)
        deliveries.append(message(at_s, Event(EventType.PUT, pair, before)))
        if each.revision % 10 == 0:
            deliveries.append(progress(at_s, each.revision))
    judged.watches = [watch(stretch(1, *deliveries), previous=True) for _ in range(3)]
    begun_s = time.process_time()
    report = judge(judged, [name for name in PROPERTIES if name.startswith("watch-")])
    took_s = time.process_time() - begun_s
    assert report.ok, report.render()
    assert report.judged("watch-reliable") == 3 * len(judged.changes)
    assert report.judged("watch-bookmarkable") >= 3 * len(judged.changes) // 10
    assert took_s < JUDGED_IN_MAX_S, f"{took_s:.1f} s"


def test_deletes_whose_outcome_nobody_knows_are_matched_in_moments() -> None:
    """Each may have made any later deletion of its key: of so many keys, those of one key alone are looked at."""
    operations, changes = [], []
    for number in range(LOST_DELETES):
        key, begin_s, revision = b"key/%d" % (number % 200), number / 100, 2 * number + 2
        operations.append(put(b"v%d" % number, begin_s, begin_s + 0.001, revision, key, number=2 * number))
        operations.append(operation(DeleteRange(key), begin_s + 0.002, None, None, number=2 * number + 1))
        changes += [change(revision, b"v%d" % number, key), change(revision + 1, None, key)]
    begun_s = time.process_time()
    report = judge(history(*operations, changes=changes), ["linearizable"])
    took_s = time.process_time() - begun_s
    assert report.ok, report.render()
    assert report.judged("linearizable") == 2 * LOST_DELETES, "every deletion has its writer"
    assert took_s < JUDGED_IN_MAX_S, f"{took_s:.1f} s"


def test_many_operations_are_searched_as_well() -> None:
    report = judge(many(20_000), ["linearizable-by-search"])
    assert [finding.verdict for finding in report.findings] == [Verdict.OK], report.render()
