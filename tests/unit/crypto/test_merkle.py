"""The frontier equals the definition of the Merkle tree hash (RFC 9162 2.1.1), however the leaves arrive."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.merkle import EMPTY_ROOT, Frontier, MalformedFrontier, node_hash


def leaf(number: int) -> bytes:
    return sha256(b"\x00" + number.to_bytes(8, "big")).digest()


def root_by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162 2.1.1, word for word: the naive second implementation."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + root_by_definition(leaves[:split]) + root_by_definition(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(70))
def test_root_is_the_tree_hash_of_all_leaves(size: int) -> None:
    leaves = [leaf(number) for number in range(size)]
    frontier = Frontier()
    frontier.append_many(leaves)
    assert frontier.root() == root_by_definition(leaves)
    assert frontier.size == size
    assert len(frontier.nodes) == size.bit_count()


@given(st.lists(st.lists(st.binary(min_size=32, max_size=32), max_size=9), max_size=9))
def test_batches_and_single_appends_agree(batches: list[list[bytes]]) -> None:
    batched, single = Frontier(), Frontier()
    for batch in batches:
        batched.append_many(batch)
        for leaf_hash in batch:
            single.append(leaf_hash)
    assert batched == single
    assert Frontier.decode(batched.encode()) == single
    assert batched.root() == root_by_definition([leaf_hash for batch in batches for leaf_hash in batch])


def test_the_empty_log_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest()
    assert Frontier().encode() == bytes(8)


def test_a_copy_grows_alone() -> None:
    frontier = Frontier()
    frontier.append(leaf(0))
    twin = frontier.copy()
    twin.append(leaf(1))
    assert frontier.size == 1 and frontier.root() == leaf(0)
    assert twin.root() == node_hash(leaf(0), leaf(1))


def test_leaves_before_a_failing_one_are_counted() -> None:
    def leaves() -> Iterator[bytes]:
        yield leaf(0)
        raise LookupError("the log ends here")

    frontier = Frontier()
    with pytest.raises(LookupError):
        frontier.append_many(leaves())
    assert frontier == Frontier(1, [leaf(0)])


def test_a_leaf_of_another_length_is_a_bug_and_changes_nothing() -> None:
    frontier = Frontier(1, [leaf(0)])
    with pytest.raises(AssertionError, match="32 bytes, not 31"):
        frontier.append(bytes(31))
    assert frontier == Frontier(1, [leaf(0)])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not 0 bytes"),
        (bytes(7), "not 7 bytes"),
        (bytes(8) + bytes(31), "not 39 bytes"),
        ((3).to_bytes(8, "big") + bytes(32), "of 3 leaves has 2 nodes, not 1"),
        ((0).to_bytes(8, "big") + bytes(32), "of 0 leaves has 0 nodes, not 1"),
    ],
)
def test_bytes_that_are_no_frontier_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedFrontier, match=message):
        Frontier.decode(data)


@pytest.mark.parametrize(("size", "nodes", "message"), [(-1, [], "not within"), (2**64, [bytes(32)], "not within"), (1, [bytes(33)], "33")])
def test_a_frontier_that_cannot_be_is_refused(size: int, nodes: list[bytes], message: str) -> None:
    with pytest.raises(MalformedFrontier, match=message):
        Frontier(size, nodes)


def test_it_is_never_a_key_and_shows_its_root() -> None:
    frontier = Frontier(1, [leaf(7)])
    with pytest.raises(TypeError):
        hash(frontier)
    assert repr(frontier) == f"Frontier(size=1, root={leaf(7).hex()})"
    assert frontier != leaf(7)
