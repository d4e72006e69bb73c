"""The index of watches gives exactly what looking at all of them would."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from quorate_node.machine.watch_index import WatchIndex


@dataclass(eq=False)
class Range:
    start: bytes
    end: bytes | None


keys = st.binary(min_size=1, max_size=2).map(lambda key: bytes(byte % 6 for byte in key))
ranges = st.one_of(
    keys.map(lambda key: Range(key, key + b"\x00")),
    st.builds(Range, keys, st.one_of(st.none(), keys)),
)


@given(
    added=st.lists(ranges, max_size=120),
    removed=st.lists(st.integers(0, 119), max_size=100),
    probes=st.lists(keys, min_size=1, max_size=10),
)
def test_it_finds_what_a_loop_over_all_finds(added: list[Range], removed: list[int], probes: list[bytes]) -> None:
    index: WatchIndex[Range] = WatchIndex()
    here = list(added)
    for watch in added:
        index.add(watch)
    for position in removed:
        if position < len(added):
            index.discard(added[position])
            here = [watch for watch in here if watch is not added[position]]
    assert len(index) == len(here)
    assert {id(watch) for watch in index.watches()} == {id(watch) for watch in here}
    for key in probes:
        expected = {id(watch) for watch in here if watch.start <= key and (watch.end is None or key < watch.end)}
        found = index.matching(key)
        assert len(found) == len(expected)
        assert {id(watch) for watch in found} == expected


def test_many_ranges_do_not_make_a_look_up_slow() -> None:
    """Counted, not timed: of 4,096 disjoint ranges a look-up compares a few dozen."""
    compared = 0

    class Counted(bytes):
        def __le__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return bytes.__le__(self, other)  # type: ignore[operator]

    index: WatchIndex[Range] = WatchIndex()
    for at in range(4_096):
        index.add(Range(Counted(b"%05d/" % at), b"%05d0" % at))
    compared = 0
    assert len(index.matching(b"01234/x")) == 1
    assert compared < 200
