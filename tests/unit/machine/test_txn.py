"""Transactions: form, duplicates, nesting, what conditions and ranges see (etcd's rules, each measured on it)."""

from __future__ import annotations

import pytest

from quorate.wire.commands import (
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    Operation,
    Put,
    Range,
    SortTarget,
    Txn,
)
from quorate.wire.results import DeleteRangeResult, KeyValue, PutResult, RangeResult, TxnResult
from quorate_node.machine.interface import Refused
from quorate_node.machine.rules import Rules
from quorate_node.machine.txn_form import check_txn
from tests.unit.machine.builders import ALL, Member

RULES = Rules()


def put(key: bytes, value: bytes = b"") -> Operation:
    return Operation(put=Put(key, value))


def delete(key: bytes, range_end: bytes = b"") -> Operation:
    return Operation(delete_range=DeleteRange(key, range_end))


def nested(success: tuple[Operation, ...] = (), failure: tuple[Operation, ...] = ()) -> Operation:
    return Operation(txn=Txn((), success, failure))


DUPLICATES = {
    "put twice": (put(b"a"), put(b"a")),
    "put and delete": (put(b"a"), delete(b"a")),
    "put inside a deleted range": (delete(b"a", b"c"), put(b"b")),
    "put from a deleted key on": (delete(b"a", b"\x00"), put(b"z")),
    "put beside a nested put": (nested((put(b"a"),)), put(b"a")),
    "put under a nested delete": (nested((), (delete(b"a"),)), put(b"a")),
    "nested put, then a nested delete": (nested((put(b"a"),)), nested((delete(b"a"),))),
    "nested delete, then a nested put": (nested((delete(b"a"),)), nested((put(b"a"),))),
    "deeply nested": (nested((nested((put(b"a"),)),)), put(b"a")),
    "delete above a nested put": (nested((put(b"a"),)), delete(b"a")),
}
ALLOWED = {
    "different keys": (put(b"a"), put(b"b")),
    "both branches of one nested transaction": (nested((put(b"a"),), (put(b"a"),)),),
    "put in one branch, delete in the other": (nested((put(b"a"),), (delete(b"a"),)),),
    "deletes that overlap": (delete(b"a", b"c"), delete(b"b")),
    "put at the end of a deleted range": (delete(b"a", b"c"), put(b"c")),
    "delete of an empty range": (delete(b"c", b"a"), put(b"b")),
}


@pytest.mark.parametrize("operations", DUPLICATES.values(), ids=DUPLICATES)
def test_no_key_may_be_changed_twice(operations: tuple[Operation, ...]) -> None:
    for txn in (Txn((), operations), Txn((), (), operations)):
        with pytest.raises(Refused) as refused:
            check_txn(txn, RULES)
        assert refused.value.error == "DuplicateKey"


@pytest.mark.parametrize("operations", ALLOWED.values(), ids=ALLOWED)
def test_what_cannot_meet_is_allowed(operations: tuple[Operation, ...], memory_member: Member) -> None:
    check_txn(Txn((), operations), RULES)
    assert memory_member.one(Txn((), operations)).succeeded


def test_the_largest_transaction_passes_and_one_more_operation_does_not() -> None:
    most = RULES.transaction_operations_max
    puts = tuple(put(b"%d" % at) for at in range(most))
    compares = tuple(Compare(b"a") for _ in range(most))
    check_txn(Txn(compares, puts, puts), RULES)
    for over in (Txn((*compares, Compare(b"a"))), Txn((), (*puts, put(b"x"))), Txn((), (), (*puts[1:], nested((put(b"x"),))))):
        with pytest.raises(Refused, match=f"129 operations, over the limit of {most}") as refused:
            check_txn(over, RULES)
        assert refused.value.error == "TooManyOperations"


def test_nesting_is_bounded() -> None:
    txn = Txn((), (put(b"a"),))
    for _ in range(RULES.transaction_depth_max - 1):
        txn = Txn((), (Operation(txn=txn),))
    check_txn(txn, RULES)
    with pytest.raises(Refused, match="nest deeper than 16"):
        check_txn(Txn((), (Operation(txn=txn),)), RULES)


@pytest.mark.parametrize(
    ("txn", "error"),
    [
        (Txn((Compare(b""),)), "EmptyKey"),
        (Txn((), (put(b""),)), "EmptyKey"),
        (Txn((), (delete(b""),)), "EmptyKey"),
        (Txn((), (Operation(),)), "InvalidArgument"),
        (Txn((), (Operation(put=Put(b"a"), range=Range(b"a")),)), "InvalidArgument"),
        (Txn((), (Operation(put=Put(b"a", b"x", ignore_value=True)),)), "InvalidArgument"),
        (Txn((), (Operation(put=Put(b"a", lease=1, ignore_lease=True)),)), "InvalidArgument"),
    ],
)
def test_a_wrong_form_is_refused_and_changes_nothing(txn: Txn, error: str, memory_member: Member) -> None:
    assert memory_member.one(txn).error == error
    assert memory_member.machine.revision == 1


def test_ranges_see_the_writes_before_them_at_the_one_revision(member: Member) -> None:
    member.one(Put(b"a", b"1"))
    read = Operation(range=Range(b"a", b"c"))
    result = member.one(Txn((), (read, put(b"b", b"2"), read, delete(b"a"), read)))
    a, b = KeyValue(b"a", b"1", 2, 2, 1), KeyValue(b"b", b"2", 3, 3, 1)
    assert result.results == (
        RangeResult(2, [a], 1),
        PutResult(3),
        RangeResult(3, [a, b], 2),
        DeleteRangeResult(3, 1),
        RangeResult(3, [b], 1),
    )
    assert member.machine.revision == 3


def test_a_range_in_the_past_sees_what_the_same_entry_wrote(member: Member) -> None:
    old = Operation(range=Range(*ALL, revision=2))
    *_, result = member.do(Put(b"a", b"1"), Put(b"a", b"2"), Txn((), (put(b"b"), old)))
    assert result.results[1] == RangeResult(4, [KeyValue(b"a", b"1", 2, 2, 1)], 1)


def test_nested_conditions_look_at_the_state_before_the_first_write(memory_member: Member) -> None:
    absent = Compare(b"a", CompareResult.EQUAL, CompareTarget.VERSION, 0)
    inner = Operation(txn=Txn((absent,), (put(b"inner"),), ()))
    result = memory_member.one(Txn((absent,), (put(b"a"), inner)))
    assert result == TxnResult(2, True, (PutResult(2), TxnResult(2, True, (PutResult(2),))))


def test_one_refused_operation_refuses_all_before_anything_is_written(memory_member: Member) -> None:
    for last, error in (
        (Operation(put=Put(b"b", ignore_value=True)), "KeyNotFound"),
        (Operation(put=Put(b"b", lease=9)), "LeaseNotFound"),
        (Operation(range=Range(b"b", revision=99)), "FutureRevision"),
        (nested((Operation(put=Put(b"b", lease=9)),)), "LeaseNotFound"),
    ):
        assert memory_member.one(Txn((), (put(b"a"), last))).error == error
    assert memory_member.machine.revision == 1


def test_what_only_the_other_branch_would_refuse_does_not_matter(memory_member: Member) -> None:
    txn = Txn((), (put(b"a"),), (Operation(put=Put(b"b", lease=9)),))
    assert memory_member.one(txn).succeeded


@pytest.mark.parametrize("result", CompareResult)
def test_a_value_comparison_with_a_missing_key_is_false(result: CompareResult, memory_member: Member) -> None:
    assert not memory_member.one(Txn((Compare(b"a", result, CompareTarget.VALUE, value=b""),))).succeeded


@pytest.mark.parametrize("target", [CompareTarget.VERSION, CompareTarget.CREATE, CompareTarget.MODIFY, CompareTarget.LEASE])
def test_a_missing_key_counts_as_zero(target: CompareTarget, memory_member: Member) -> None:
    assert memory_member.one(Txn((Compare(b"a", CompareResult.EQUAL, target, 0), Compare(b"a", CompareResult.LESS, target, 1)))).succeeded


def test_every_key_of_a_range_must_satisfy_and_an_empty_range_does(memory_member: Member) -> None:
    memory_member.do(Put(b"a", b"x"), Put(b"b", b"x"), Put(b"b", b"x"))
    version = Compare(b"a", CompareResult.EQUAL, CompareTarget.VERSION, 1, range_end=b"c")
    value = Compare(b"a", CompareResult.EQUAL, CompareTarget.VALUE, value=b"x", range_end=b"c")
    nobody = Compare(b"m", CompareResult.GREATER, CompareTarget.VERSION, 99, range_end=b"n")
    backwards = Compare(b"c", CompareResult.GREATER, CompareTarget.VERSION, 99, range_end=b"a")
    assert [memory_member.one(Txn((one,))).succeeded for one in (version, value, nobody, backwards)] == [False, True, True, True]


def test_a_range_too_large_to_sort_fails_alone(memory_member: Member) -> None:
    half = bytes(RULES.transaction_range_bytes_max // 2)
    memory_member.do(Put(b"a", half), Put(b"b", half), Put(b"c", half))
    by_value = Operation(range=Range(*ALL, sort_target=SortTarget.VALUE))
    in_order = Operation(range=Range(*ALL))
    failed, cut, written = memory_member.one(Txn((), (by_value, in_order, put(b"d")))).results
    assert failed.error == "InvalidArgument"
    assert (len(cut.kvs), cut.count, cut.more) == (1, 3, True)
    assert written == PutResult(5)


def test_nothing_written_is_no_revision(memory_member: Member) -> None:
    assert memory_member.one(Txn((), (delete(b"a"),))) == TxnResult(1, True, (DeleteRangeResult(1, 0),))
