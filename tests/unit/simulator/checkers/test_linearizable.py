"""Both judges of key-value histories: they pass what one copy of the data could have done, and find each way of not being one."""

from __future__ import annotations

import random
from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quorate.wire.commands import Compare, CompareTarget, DeleteRange, Put, Range, Txn
from quorate.wire.commands import Operation as TxnOperation
from quorate.wire.results import DeleteRangeResult, Failure, KeyValue, PutResult, RangeResult, TxnResult
from quorate_node.simulator.checkers.evidence import Evidence
from quorate_node.simulator.checkers.finding import Undecided, Violated
from quorate_node.simulator.checkers.revisions import linearizable
from quorate_node.simulator.checkers.search import linearizable_by_search
from quorate_node.simulator.history import Change, History, Operation, Outcome
from tests.unit.simulator.checkers.records import (
    K,
    both,
    change,
    delete,
    history,
    kv,
    lost,
    operation,
    put,
    read,
    refused,
    scan,
    swap,
    swap_request,
)
from tests.unit.simulator.checkers.worlds import world

A1, A2 = kv(b"a1", 2, key=b"x"), kv(b"a2", 2, key=b"y")
B = kv(b"b", 3, 2, 2)
GOOD: dict[str, History] = {
    "nothing": history(),
    "one after the other": history(put(b"a", 0, 1, 2), read(kv(b"a", 2), 2, 3, 2), put(b"b", 4, 5, 3), read(B, 6, 7, 3)),
    "a read during a write may see it or not": history(put(b"a", 0, 10, 2), read(None, 1, 2, 1), read(kv(b"a", 2), 3, 4, 2)),
    "two writes at once, either order": history(put(b"a", 0, 10, 3), put(b"b", 0.1, 10, 2), read(kv(b"a", 3, 2, 2), 11, 12, 3)),
    "a write of unknown outcome that took effect late": history(
        lost(b"a", 0), put(b"b", 1, 2, 2), read(kv(b"b", 2), 3, 4, 2), read(kv(b"a", 3, 2, 2), 5, 6, 3)
    ),
    "a write of unknown outcome that did not": history(lost(b"a", 0), put(b"b", 1, 2, 2), read(kv(b"b", 2), 3, 4, 2)),
    "a delete of unknown outcome that did": history(put(b"a", 0, 1, 2), delete(2, None, 0), read(None, 3, 4, 3)),
    "swaps in a chain": history(
        put(b"a", 0, 1, 2), swap(b"a", b"b", 2, 3, 3), swap(b"b", b"c", 4, 5, 4), read(kv(b"c", 4, 2, 3), 6, 7, 4)
    ),
    "a transaction is seen whole": history(both(b"a", 0, 1, 2), scan([A1, A2], 2, 3, 2)),
    "deleted and made anew": history(
        put(b"a", 0, 1, 2), delete(2, 3, 3), read(None, 4, 5, 3), put(b"b", 6, 7, 4), read(kv(b"b", 4), 8, 9, 4)
    ),
    "a refused write that was kept out": history(put(b"a", 0, 1, 2), refused(b"b", 2, 3), read(kv(b"a", 2), 4, 5, 2)),
    "a key whose lease ended": history(put(b"a", 0, 1, 2, lease=7), read(None, 2, 3, 3)),
}  # fmt: skip

BAD: dict[str, History] = {
    "a stale read": history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), read(kv(b"a", 2), 4, 5, 2)),
    "a read of nothing after a write": history(put(b"a", 0, 1, 2), read(None, 2, 3, 1)),
    "reads that go back": history(put(b"a", 0, 1, 2), put(b"b", 2, 20, 3), read(B, 3, 4, 3), read(kv(b"a", 2), 5, 6, 2)),
    "a value before it was written": history(put(b"a", 0, 1, 2), read(B, 2, 3, 3), put(b"b", 4, 5, 3)),
    "a value that nobody wrote": history(put(b"a", 0, 1, 2), read(kv(b"z", 2), 2, 3, 2)),
    "two swaps of the same value": history(put(b"a", 0, 1, 2), swap(b"a", b"b", 2, 3, 3), swap(b"a", b"c", 4, 5, 4)),
    "a swap of what is not there": history(put(b"a", 0, 1, 2), swap(b"x", b"b", 2, 3, 3)),
    "an acknowledged write that is lost": history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), delete(4, 5, 4), read(B, 6, 7, 4)),
    "a refused write that is read": history(put(b"a", 0, 1, 2), refused(b"b", 2, 3), read(B, 4, 5, 3)),
    "half a transaction": history(both(b"a", 0, 1, 2), scan([A1], 2, 3, 2)),
    "a delete that counts a key too many": history(put(b"a", 0, 1, 2), delete(2, 3, 3, deleted=2)),
    "a write applied twice": history(
        put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), delete(4, 5, 4), read(kv(b"b", 5), 6, 7, 5)
    ),
    "versions that skip one": history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), read(kv(b"b", 3, 2, 3), 4, 5, 3)),
}  # fmt: skip


def by_revision(judged: History) -> bool:
    try:
        linearizable(Evidence(judged))
    except Violated:
        return False
    return True


def by_search(judged: History) -> bool:
    try:
        linearizable_by_search(Evidence(judged))
    except Violated:
        return False
    return True


@pytest.mark.parametrize("name", GOOD)
def test_what_one_copy_could_have_done_passes_both(name: str) -> None:
    linearizable(Evidence(GOOD[name]))
    linearizable_by_search(Evidence(GOOD[name]))


@pytest.mark.parametrize("name", BAD)
def test_what_it_could_not_fails_both(name: str) -> None:
    assert not by_revision(BAD[name])
    assert not by_search(BAD[name])


def test_reordered_real_time_is_seen_through_the_stores_revision() -> None:
    """Key by key all is well; the whole store went back."""
    judged = history(put(b"a", 0, 1, 2, b"x"), put(b"b", 2, 3, 3, b"y"), read(kv(b"a", 2, key=b"x"), 4, 5, 2, b"x"))
    with pytest.raises(Violated, match="went back in time"):
        linearizable(Evidence(judged))
    assert by_search(judged)


def test_a_wrong_revision_does_not_hide_a_stale_value_from_the_search() -> None:
    judged = history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 3), read(kv(b"a", 3, 2, 2), 4, 5, 3))
    with pytest.raises(Violated, match="saw another pair than was written"):
        linearizable(Evidence(judged))
    assert not by_search(judged)


def test_the_counterexample_names_the_operations_their_times_and_revisions() -> None:
    with pytest.raises(Violated) as found:
        linearizable(Evidence(BAD["a stale read"]))
    text = str(found.value)
    assert "went back in time" in text
    assert "put k=b -> ok, revision 3" in text and "2.000000s to 3.000000s" in text
    assert "read k -> ok, revision 2: k=a (revision 2, created 2, version 1)" in text
    with pytest.raises(Violated, match=r"after 2 none of these can be next:\n  #4000 client 4000 at n1, 4.000000s to 5.000000s: read k"):
        linearizable_by_search(Evidence(BAD["a stale read"]))


def test_the_search_says_when_it_gives_up() -> None:
    many = [put(b"v%d" % number, number / 100, 50, number + 2) for number in range(12)]
    judged = history(*many, read(kv(b"none", 99), 60, 61, 99))
    with pytest.raises(Undecided, match="no answer within 500 steps for 13 operations"):
        linearizable_by_search(Evidence(judged), steps_max=500)


class TestAgainstTheStoresOwnChanges:
    WRITES = (put(b"a", 0, 1, 2), put(b"b", 2, 3, 3))
    TOLD = (change(2, b"a"), change(3, b"b"))

    def test_they_agree(self) -> None:
        assert linearizable(Evidence(history(*self.WRITES, changes=list(self.TOLD)))) == 2

    def test_a_refused_write_that_was_kept_out_and_an_unknown_one_that_got_in(self) -> None:
        linearizable(Evidence(history(*self.WRITES, refused(b"r", 5, 6), lost(b"u", 4), changes=[*self.TOLD, change(4, b"u")])))

    def test_unknown_deletes_and_the_end_of_a_lease_explain_deletions(self) -> None:
        told = [change(2, b"a"), change(3, None), change(4, b"b", lease=9), change(5, None), change(6, b"c"), change(7, None)]
        writes = [put(b"a", 0, 1, 2), delete(2, None, 0), put(b"b", 3, 4, 4, lease=9), put(b"c", 5, 6, 6), delete(7, None, 0)]
        linearizable(Evidence(history(*writes, changes=told)))

    @pytest.mark.parametrize(
        ("extra", "told", "fault"),
        [
            ([], TOLD[:1], "was lost"),
            ([], (TOLD[0], change(3, b"x")), "what was changed: revision 3: put k=x"),
            ([lost(b"u", 4)], (*TOLD, change(4, b"u"), change(5, b"u")), "applied twice"),
            ([], (*TOLD, change(4, b"a")), "applied twice"),
            ([], (*TOLD, change(4, b"z")), "nobody wrote this"),
            ([], (*TOLD, change(4, None)), "nobody deleted this"),
            ([delete(4, None, 0)], (*TOLD, change(4, None), change(5, b"a")), "applied twice"),
            ([refused(b"r", 5, 6)], (*TOLD, change(4, b"r")), "was refused took effect"),
            ([read(kv(b"u", 4, 2, 3), 5, 6, 4), lost(b"u", 7)], (*TOLD, change(4, b"u")), "before it was asked for"),
            ([], (TOLD[0], change(4, b"b")), "not consecutive"),
            ([], (*TOLD, change(3, b"c")), "changes a key twice"),
            ([], (*TOLD, change(4, None, b"other")), "was not there"),
            ([], (*TOLD[:1], Change(3, K, b"b", 0, 3, 1)), "create revision or version is wrong"),
        ],
    )
    def test_they_do_not(self, extra: list[Operation], told: tuple[Change, ...], fault: str) -> None:
        with pytest.raises(Violated, match=fault):
            linearizable(Evidence(history(*self.WRITES, *extra, changes=list(told))))

    def test_two_deletes_of_unknown_outcome_cannot_make_three_deletions(self) -> None:
        told, writes = [], []
        for number in range(3):
            told += [change(2 + 2 * number, b"v%d" % number), change(3 + 2 * number, None)]
            writes.append(put(b"v%d" % number, 2 + number, 2.5 + number, 2 + 2 * number))
        deletes = [delete(0, None, 0), delete(0.1, None, 0)]
        with pytest.raises(Violated, match="applied twice"):
            linearizable(Evidence(history(*writes, *deletes, changes=told)))
        linearizable(Evidence(history(*writes, *deletes, delete(0.2, None, 0), changes=told)))

    def test_half_a_transaction_is_found(self) -> None:
        done = history(both(b"a", 0, 1, 2), changes=[change(2, b"a1", b"x")])
        with pytest.raises(Violated, match="what was changed"):
            linearizable(Evidence(done))
        unknown = history(operation(both(b"a", 0, 1, 2).request, 0, None, None), changes=[change(2, b"a1", b"x"), change(3, b"a2", b"y")])
        with pytest.raises(Violated, match="did not take effect as a whole"):
            linearizable(Evidence(unknown))

    def test_two_writes_of_one_revision(self) -> None:
        with pytest.raises(Violated, match="same revision"):
            linearizable(Evidence(history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 2))))

    def test_revisions_made_by_nobody_are_counted_without_the_changes(self) -> None:
        with pytest.raises(Violated, match="made by nobody"):
            linearizable(Evidence(history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 4))))
        linearizable(Evidence(history(put(b"a", 0, 1, 2), put(b"b", 2, 3, 4), lost(b"c", 0.5))))


class TestAttemptsOfOneCommand:
    def test_are_one_operation_from_the_first_attempt_on(self) -> None:
        """The second attempt is answered with the effect of the first, which another write has overtaken by then."""
        first = lost(b"a", 0, session=5, seq=1)
        second = put(b"a", 4, 5, 2, session=5, seq=1)
        judged = history(first, put(b"b", 2, 3, 3), second, changes=[change(2, b"a"), change(3, b"b")])
        assert linearizable(Evidence(judged)) == 2
        assert by_search(judged)

    def test_that_ends_with_a_lost_session_may_have_taken_effect_before(self) -> None:
        gone = operation(Put(K, b"a"), 0, 1, None, outcome=Outcome.FAILED, error="SessionExpired", session=5, seq=1, attempts=3)
        linearizable(Evidence(history(gone, changes=[change(2, b"a")])))
        alone = msgspec.structs.replace(gone, attempts=1)
        with pytest.raises(Violated, match="was refused took effect"):
            linearizable(Evidence(history(alone, changes=[change(2, b"a")])))

    def test_the_search_knows_too_that_a_lost_session_says_nothing_of_earlier_attempts(self) -> None:
        refusal = Failure("SessionExpired", "", 3)
        gone = operation(Put(K, b"a"), 0, 1, refusal, 3, outcome=Outcome.FAILED, error="SessionExpired", session=5, seq=1, attempts=3)
        assert by_search(history(gone, read(kv(b"a", 2), 2, 3, 3)))


def with_order(operations: list[Operation], order: tuple[int, ...]) -> History | None:
    """The same answers with the revisions that this order of effects would have given; None when an answer cannot be that."""
    revision, changes = 1, []
    pairs: dict[bytes, KeyValue] = {}
    placed: list[Operation] = []
    for number in order:
        one = operations[number]
        known = one.outcome is Outcome.OK
        if isinstance(one.request, Put):
            revision += 1
            before = pairs.get(one.request.key)
            create, version = (revision, 1) if before is None else (before.create_revision, before.version + 1)
            pairs[one.request.key] = kv(one.request.value, revision, create, version)
            changes.append(change(revision, one.request.value))
            placed.append(msgspec.structs.replace(one, revision=revision, result=PutResult(revision)) if known else one)
        elif isinstance(one.request, DeleteRange):
            deleted = int(pairs.pop(one.request.key, None) is not None)
            if deleted:
                revision += 1
                changes.append(change(revision, None))
            if known and isinstance(one.result, DeleteRangeResult) and one.result.deleted != deleted:
                return None
            placed.append(msgspec.structs.replace(one, revision=revision, result=DeleteRangeResult(revision, deleted)) if known else one)
        else:
            assert isinstance(one.request, Range) and isinstance(one.result, RangeResult)
            found = [pairs[one.request.key]] if one.request.key in pairs else []
            if [(each.value, each.version) for each in found] != [(each.value, each.version) for each in one.result.kvs]:
                return None
            placed.append(msgspec.structs.replace(one, revision=revision, result=RangeResult(revision, found, len(found))))
    return history(*placed, changes=changes)


@st.composite
def small(draw: st.DrawFn) -> list[Operation]:
    """A few operations on one key with answers that are sometimes right."""
    operations = []
    for number in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, 6)) + number / 100
        end = begin + draw(st.integers(0, 3)) + 0.001
        kind = draw(st.sampled_from(["put", "put", "read", "read", "delete", "lost", "lost delete"]))
        if kind == "put":
            operations.append(put(b"v%d" % number, begin, end, 0, number=number))
        elif kind == "lost":
            operations.append(lost(b"v%d" % number, begin, number=number))
        elif kind == "read":
            seen = draw(st.sampled_from([None, 0, 1, 2, 3]))
            version = draw(st.sampled_from([1, 1, 2, 3]))
            operations.append(read(None if seen is None else kv(b"v%d" % seen, 2, 2, version), begin, end, 0, number=number))
        else:
            finished = None if kind == "lost delete" else end
            operations.append(delete(begin, finished, 0, deleted=draw(st.integers(0, 1))))
            operations[-1] = msgspec.structs.replace(operations[-1], number=number)
    return operations


@settings(max_examples=400, deadline=None)
@given(small())
def test_the_search_and_the_revisions_agree_on_every_order_there_is(operations: list[Operation]) -> None:
    """A history without revisions is linearizable exactly when some order of effects gives it revisions that the fast judge accepts."""
    required = [number for number, each in enumerate(operations) if each.outcome is Outcome.OK]
    optional = [number for number, each in enumerate(operations) if each.outcome is Outcome.UNKNOWN]
    chosen = [[*required, *(each for at, each in enumerate(optional) if mask >> at & 1)] for mask in range(1 << len(optional))]
    orders = (order for some in chosen for order in permutations(some))
    skipped = dict(enumerate(operations))
    explained = False
    for order in orders:
        judged = with_order(operations, order)
        if judged is None:
            continue
        left_out = [each for number, each in skipped.items() if number not in order]
        judged.operations = sorted([*judged.operations, *left_out], key=lambda each: each.invoked_ns)
        if by_revision(judged):
            explained = True
            break
    assert by_search(History(operations)) == explained


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_true_histories_pass_both(seed: int) -> None:
    judged = world(random.Random(seed))
    linearizable(Evidence(judged))
    linearizable_by_search(Evidence(judged))
    judged.changes = []
    linearizable(Evidence(judged))


@settings(deadline=None)
@given(st.integers(0, 10**9))
def test_a_read_that_is_moved_behind_a_later_write_is_found(seed: int) -> None:
    """Take a true history and let its last client read what was there before the last change of that key."""
    judged = world(random.Random(seed))
    by_key: dict[bytes, list[Change]] = {}
    for one in judged.changes:
        by_key.setdefault(one.key, []).append(one)
    several = [changes for changes in by_key.values() if len(changes) > 1 and changes[-2].value is not None]
    if not several:
        return
    old = several[0][-2]
    after_s = max(each.completed_ns for each in judged.operations if each.outcome is not Outcome.UNKNOWN) / 1e9 + 1
    pair = kv(old.value or b"", old.revision, old.create_revision, old.version, old.key, old.lease)
    for revision in (old.revision, judged.changes[-1].revision):
        judged.operations.append(read(pair, after_s, after_s + 1, revision, old.key, number=10**6))
        acknowledged = any(each.revision >= several[0][-1].revision for each in judged.operations[:-1] if each.outcome is Outcome.OK)
        if acknowledged or revision != old.revision:
            assert not by_revision(judged)
        judged.operations.pop()


def test_transactions_with_conditions_on_revisions_are_judged_by_both() -> None:
    """The search knows no revisions, so such a condition may hold or not; what is read in the chosen branch still counts."""
    condition = Compare(K, number=2, target=CompareTarget.MODIFY)
    request = Txn((condition,), (TxnOperation(put=Put(K, b"b")),), (TxnOperation(range=Range(K)),))
    right = operation(request, 2, 3, TxnResult(3, True, (PutResult(3),)), 3)
    wrong = operation(request, 2, 3, TxnResult(2, False, (RangeResult(2, [kv(b"z", 2)], 1),)), 2)
    assert by_revision(history(put(b"a", 0, 1, 2), right)) and by_search(history(put(b"a", 0, 1, 2), right))
    assert not by_revision(history(put(b"a", 0, 1, 2), wrong)) and not by_search(history(put(b"a", 0, 1, 2), wrong))


def test_a_transaction_that_failed_shows_the_state() -> None:
    failed = operation(swap_request(b"x", b"b"), 2, 3, TxnResult(2, False, (RangeResult(2, [kv(b"a", 2)], 1),)), 2)
    assert by_revision(history(put(b"a", 0, 1, 2), failed))
    empty = operation(swap_request(b"x", b"b"), 2, 3, TxnResult(2, False, (RangeResult(2, [], 0),)), 2)
    assert not by_revision(history(put(b"a", 0, 1, 2), empty))
    assert not by_search(history(put(b"a", 0, 1, 2), empty))
