"""Random requests over few keys, so that they meet: keys that differ only in zeros and ends are among them on purpose."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from quorate.wire.commands import (
    Compact,
    Compare,
    CompareResult,
    CompareTarget,
    DeleteRange,
    LeaseExpire,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Operation,
    Put,
    Range,
    SortOrder,
    SortTarget,
    Txn,
)
from quorate_node.machine.interface import Refused
from quorate_node.machine.rules import Rules
from quorate_node.machine.txn_form import check_txn

KEYS = (b"\x00", b"a", b"a\x00", b"a\x00\x00", b"a\x00\xff", b"a\x01", b"ab", b"b", b"\xff", b"\xff\xff")
keys = st.sampled_from(KEYS)
ends = st.one_of(st.just(b""), st.just(b"\x00"), keys)
values = st.sampled_from((b"", b"x", b"\x00" * 3, b"longer value"))
lease_ids = st.integers(1, 3)
revisions = st.integers(0, 24)

plain_puts = st.builds(Put, keys, values)
puts = st.one_of(
    plain_puts,
    st.builds(Put, keys, values, st.one_of(st.just(0), lease_ids), st.booleans()),
    st.builds(Put, keys, st.just(b""), st.just(0), st.booleans(), st.booleans(), st.booleans()),
)
deletes = st.builds(DeleteRange, keys, ends, st.booleans())
ranges = st.builds(
    Range,
    keys,
    ends,
    st.integers(0, 3),
    revisions,
    st.sampled_from(SortOrder),
    st.sampled_from(SortTarget),
    st.booleans(),
    st.booleans(),
    *(st.one_of(st.just(0), revisions) for _ in range(4)),
)
compares = st.builds(
    Compare, keys, st.sampled_from(CompareResult), st.sampled_from(CompareTarget), st.integers(0, 8), values, st.one_of(st.just(b""), ends)
)


def operations(depth: int) -> st.SearchStrategy[Operation]:
    flat = st.one_of(
        st.builds(lambda put: Operation(put=put), puts),
        st.builds(lambda delete: Operation(delete_range=delete), deletes),
        st.builds(lambda request: Operation(range=request), ranges),
    )
    if depth == 0:
        return flat
    return st.one_of(flat, flat, st.builds(lambda txn: Operation(txn=txn), any_txns(depth - 1)))


def any_txns(depth: int) -> st.SearchStrategy[Txn]:
    several = st.lists(operations(depth), max_size=3).map(tuple)
    return st.builds(Txn, st.lists(compares, max_size=2).map(tuple), several, several)


def well_formed(txn: Txn) -> bool:
    try:
        check_txn(txn, Rules())
    except Refused:
        return False
    return True


txns = any_txns(2).filter(well_formed)
some_leases = st.lists(lease_ids, max_size=3, unique=True).map(tuple)
requests: st.SearchStrategy[Any] = st.one_of(
    plain_puts,
    plain_puts,
    puts,
    deletes,
    txns,
    txns,
    st.builds(Compact, revisions),
    st.builds(LeaseGrant, st.integers(500, 3_000), st.one_of(st.just(0), lease_ids)),
    st.builds(LeaseRevoke, lease_ids),
    st.builds(LeaseKeepAlive, some_leases),
    st.builds(LeaseExpire, some_leases),
)
