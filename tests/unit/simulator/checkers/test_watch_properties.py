"""The nine watch properties: a watch that keeps all of them, and for each the smallest that breaks it (and no other, where that can be)."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from quorate.wire.commands import Compact
from quorate.wire.results import CompactResult, Failure
from quorate_node.simulator.checkers import watch_content, watch_gaps, watch_order, wording
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Violated
from quorate_node.simulator.history import Delivery, History, Outcome, WatchRecord
from tests.unit.simulator.checkers.records import (
    both,
    change,
    delete,
    delete_event,
    history,
    kv,
    message,
    ns,
    operation,
    progress,
    put,
    put_event,
    stretch,
    watch,
)

NINE: dict[str, Callable[[Evidence], int]] = {
    "ordered": watch_order.ordered,
    "unique": watch_order.unique,
    "atomic": watch_order.atomic,
    "reliable": watch_gaps.reliable,
    "resumable": watch_gaps.resumable,
    "bookmarkable": watch_gaps.bookmarkable,
    "filtered": watch_order.filtered,
    "previous": watch_content.previous_right,
    "is create": watch_content.is_create_right,
}

WRITES = (put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), delete(4, 5, 4), put(b"c", 6, 7, 5), both(b"d", 8, 9, 6))
CHANGES = [change(2, b"a"), change(3, b"b"), change(4, None), change(5, b"c"), change(6, b"d1", b"x"), change(6, b"d2", b"y")]
A, B, GONE, C = put_event(b"a", 2), put_event(b"b", 3, 2, 2), delete_event(4), put_event(b"c", 5)
X, Y = put_event(b"d1", 6, key=b"x"), put_event(b"d2", 6, key=b"y")


def seen(*records: WatchRecord, changes: list[object] | None = None, extra: tuple[object, ...] = ()) -> Evidence:
    judged: History = history(*WRITES, *extra, changes=CHANGES, watches=list(records))  # type: ignore[arg-type]
    return Evidence(judged)


def broken(evidence: Evidence) -> set[str]:
    found = set()
    for name, checker in NINE.items():
        try:
            checker(evidence)
        except Violated:
            found.add(name)
    return found


PREVIOUS = (put_event(b"b", 3, 2, 2, previous=kv(b"a", 2)), delete_event(4, previous=kv(b"b", 3, 2, 2)), C)

RIGHT: dict[str, WatchRecord] = {
    "from the first revision, a message a revision": watch(
        stretch(1, message(1, A), message(3, B), message(5, GONE), message(7, C), message(9, X, Y))
    ),
    "whole revisions in one message": watch(stretch(2, message(9, A, B, GONE, C, X, Y))),
    "resumed after a loss": watch(stretch(1, message(3, A, B), ended="lost"), stretch(4, message(7, GONE, C))),
    "behind": watch(stretch(1, message(9, A))),
    "with progress": watch(
        stretch(1, message(1, A), progress(1.5, 2), message(7, B, GONE, C), progress(8, 5), message(10, X, Y), progress(11, 6))
    ),
    "one key": watch(stretch(1, message(1, A), message(5, B, GONE, C), progress(10, 6)), key=b"k", range_end=b""),
    "no puts": watch(stretch(1, message(5, GONE), progress(10, 6)), no_put=True),
    "no deletes": watch(stretch(1, message(9, A, B, C)), no_delete=True),
    "previous pairs": watch(stretch(3, message(9, *PREVIOUS)), previous=True),
    "from a revision in the future": watch(stretch(50, progress(9, 49))),
    "from now on": watch(stretch(0, message(9, C, X, Y), first=5)),
    "asked for again": watch(stretch(1, message(3, A, B), ended="closed"), stretch(2, message(9, A, B))),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_a_watch_that_keeps_all_nine(name: str) -> None:
    assert broken(seen(RIGHT[name])) == set()


WRONG: dict[str, tuple[set[str], WatchRecord]] = {
    "two events change places": ({"ordered"}, watch(stretch(1, Delivery(ns(5), 4, (A, GONE, B))))),
    "a message changes its place": ({"ordered"}, watch(stretch(2, message(1, A, B, C), message(6, GONE)))),
    "an event beyond its message's revision": ({"ordered"}, watch(stretch(1, Delivery(ns(5), 2, (A, B))))),
    "an event twice": ({"unique"}, watch(stretch(1, message(3, A, B, B)))),
    "an event twice, over a resumption": (
        {"unique", "resumable"}, watch(stretch(1, message(1, A, B)), stretch(4, message(2, B)))
    ),
    "a revision in two messages": ({"atomic"}, watch(stretch(6, message(9, X), message(9, Y)))),
    "a revision in part": ({"atomic"}, watch(stretch(6, message(9, X)))),
    "an event is missing": ({"reliable"}, watch(stretch(1, message(7, A, B, C)))),
    "an event of what did not happen": ({"reliable"}, watch(stretch(1, message(7, put_event(b"z", 2))))),
    "an event of another key": (
        {"reliable", "atomic", "is create"}, watch(stretch(1, message(7, A, put_event(b"b", 3, 2, 2, key=b"l"))))
    ),
    "an event is missing where it was resumed": ({"resumable"}, watch(stretch(1, message(3, A, B)), stretch(4, message(7, C)))),
    "an event is missing at its start": ({"resumable"}, watch(stretch(2, message(7, B)))),
    "an event from before its start": ({"resumable"}, watch(stretch(3, message(7, A, B)))),
    "it starts later than it was asked to": ({"resumable"}, watch(stretch(2, message(7, B), first=3))),
    "the client left a revision out": ({"resumable"}, watch(stretch(1, message(3, A)), stretch(4, message(7, GONE)))),
    "compacted, and nobody had asked for it": ({"resumable"}, watch(stretch(2, Delivery(ns(5), 2, (), 4)))),
    "progress past an event": ({"bookmarkable", "reliable"}, watch(stretch(1, message(1, A), progress(9, 4)))),
    "progress past an event that comes later": ({"bookmarkable"}, watch(stretch(1, message(1, A), progress(9, 3), message(9, B)))),
    "progress to what was never made": ({"bookmarkable"}, watch(stretch(2, message(9, A, B, GONE, C, X, Y), progress(10, 7)))),
    "progress to what was not made yet": ({"bookmarkable"}, watch(stretch(6, progress(7.5, 6)))),
    "a key that was not asked for": ({"filtered"}, watch(stretch(1, message(9, A, B, GONE, C, X, Y)), key=b"k", range_end=b"l")),
    "a put that was not asked for": ({"filtered"}, watch(stretch(1, message(9, A, GONE)), no_put=True)),
    "a delete that was not asked for": ({"filtered"}, watch(stretch(1, message(5, A, B, GONE)), no_delete=True)),
    "a wrong previous pair": (
        {"previous"}, watch(stretch(3, message(9, put_event(b"b", 3, 2, 2, previous=kv(b"z", 2)))), previous=True)
    ),
    "no previous pair": ({"previous"}, watch(stretch(3, message(9, B)), previous=True)),
    "a previous pair that was not asked for": ({"previous"}, watch(stretch(3, message(9, PREVIOUS[0])))),
    "an update that says it creates": ({"is create"}, watch(stretch(3, message(9, put_event(b"b", 3))))),
    "a creation that says it updates": ({"is create"}, watch(stretch(5, message(9, put_event(b"c", 5, 2, 3))))),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_smallest_watch_that_breaks_a_property(name: str) -> None:
    properties, record = WRONG[name]
    assert broken(seen(record)) == properties


def test_a_compaction_is_asked_for_by_an_attempt_that_a_lost_session_says_nothing_of() -> None:
    ended = watch(stretch(2, message(1, A), Delivery(ns(6), 3, (), 4), ended="compacted"))
    lost_session = {"outcome": Outcome.FAILED, "error": "SessionExpired", "session": 1, "seq": 2}
    twice = operation(Compact(4), 5, 9, Failure("SessionExpired", ""), **lost_session, attempts=2)
    assert broken(seen(ended, extra=(twice,))) == set()
    once = operation(Compact(4), 5, 9, Failure("SessionExpired", ""), **lost_session, attempts=1)
    assert broken(seen(ended, extra=(once,))) == {"resumable"}, "nothing is carried out for a session that is gone"


def test_compaction_excuses_what_it_takes() -> None:
    """It ends a watch that wants what is gone, which goes on after it; and previous pairs may be missing."""
    compact = operation(Compact(4), 5, 5.5, CompactResult(4), 4)
    ended = stretch(2, message(1, A), Delivery(ns(6), 3, (), 4), ended="compacted")
    gone_on = watch(ended, stretch(5, message(8, C)))
    assert broken(seen(gone_on, extra=(compact,))) == set()
    too_soon = watch(stretch(2, message(1, A), Delivery(ns(4), 3, (), 4), ended="compacted"))
    assert broken(seen(too_soon, extra=(compact,))) == {"resumable"}, "nobody had asked for the compaction by then"
    not_needed = watch(stretch(4, message(5, GONE), Delivery(ns(6), 5, (), 4), ended="compacted"))
    assert broken(seen(not_needed, extra=(compact,))) == {"resumable"}
    without = watch(stretch(3, message(9, B, GONE)), previous=True)
    assert broken(seen(without, extra=(compact,))) == set()
    assert broken(seen(watch(stretch(5, message(9, C, X)), previous=True), extra=(compact,))) == {"atomic"}


def test_without_the_changes_acknowledged_writes_are_the_reference() -> None:
    judged = history(*WRITES, watches=[watch(stretch(1, message(7, A, C)))])
    with pytest.raises(Violated, match=r"1 events are missing(.|\n)*delete k|2 events are missing(.|\n)*put k=b"):
        watch_gaps.reliable(Evidence(judged))
    assert broken(Evidence(history(*WRITES, watches=[RIGHT["previous pairs"]]))) == set()


def test_the_counterexample_names_watch_member_event_and_time() -> None:
    with pytest.raises(Violated) as found:
        watch_gaps.reliable(seen(WRONG["an event is missing"][1]))
    assert str(found.value) == "\n".join(
        [
            "1 events are missing between its first event and the revision it reached:",
            f"  watch 1 of client 1 on [{bytes(1)!r}, end)",
            "  stretch 1 at n1 from revision 1, opened at 0.000000s",
            "  revision 4: delete k",
            "  what came next: at 7.000000s up to revision 5: " + ", ".join(wording.event(each) for each in (A, B, C)),
        ]
    )
    assert wording.event(B) == "put k=b (revision 3, created 2, version 2)"


def test_a_delete_that_is_told_as_a_put_is_found() -> None:
    told = msgspec.structs.replace(GONE, type=0, kv=kv(b"b", 4, 2, 3))
    assert broken(seen(watch(stretch(4, message(5, told))))) == {"reliable"}
