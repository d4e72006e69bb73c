"""Proofs that are made verify, match the RFC's own recursion, and no change of them verifies."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.crypto.merkle import Frontier
from quorate_node.crypto.merkle_proof import (
    InvalidProof,
    consistency_proof,
    inclusion_proof,
    range_root,
    subtree_reader,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [sha256(b"\x00" + bytes([number])).digest() for number in range(130)]
NODE = subtree_reader(LEAVES.__getitem__)


def root_of(size: int) -> bytes:
    frontier = Frontier()
    frontier.append_many(LEAVES[:size])
    return frontier.root()


def split_of(size: int) -> int:
    split = 1
    while split * 2 < size:
        split *= 2
    return split


def path_by_definition(position: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 9162 2.1.3.1."""
    if len(leaves) == 1:
        return []
    split = split_of(len(leaves))
    if position < split:
        return [*path_by_definition(position, leaves[:split]), tree_hash(leaves[split:])]
    return [*path_by_definition(position - split, leaves[split:]), tree_hash(leaves[:split])]


def subproof_by_definition(size: int, leaves: list[bytes], complete: bool) -> list[bytes]:
    """SUBPROOF of RFC 9162 2.1.4.1."""
    if size == len(leaves):
        return [] if complete else [tree_hash(leaves)]
    split = split_of(len(leaves))
    if size <= split:
        return [*subproof_by_definition(size, leaves[:split], complete), tree_hash(leaves[split:])]
    return [*subproof_by_definition(size - split, leaves[split:], False), tree_hash(leaves[:split])]


def tree_hash(leaves: list[bytes]) -> bytes:
    frontier = Frontier()
    frontier.append_many(leaves)
    return frontier.root()


@pytest.mark.parametrize("size", [*range(1, 34), 63, 64, 65, 130])
def test_every_inclusion_proof_is_the_rfcs_and_verifies(size: int) -> None:
    root = root_of(size)
    assert range_root(0, size, NODE) == root
    for position in range(size):
        proof = inclusion_proof(position, size, NODE)
        assert proof == path_by_definition(position, LEAVES[:size])
        verify_inclusion(position, size, LEAVES[position], proof, root)


@pytest.mark.parametrize("after", [*range(1, 34), 63, 64, 65, 130])
def test_every_consistency_proof_is_the_rfcs_and_verifies(after: int) -> None:
    for before in range(1, after + 1):
        proof = consistency_proof(before, after, NODE)
        assert proof == subproof_by_definition(before, LEAVES[:after], True)
        verify_consistency(before, after, proof, root_of(before), root_of(after))


@given(st.data())
def test_no_changed_inclusion_proof_verifies(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 130))
    position = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(position, size, NODE)
    hashes = [LEAVES[position], root_of(size), *proof]
    changed = data.draw(st.integers(0, len(hashes) - 1))
    bit = data.draw(st.integers(0, 255))
    hashes[changed] = (int.from_bytes(hashes[changed], "big") ^ (1 << bit)).to_bytes(32, "big")
    with pytest.raises(InvalidProof):
        verify_inclusion(position, size, hashes[0], hashes[2:], hashes[1])


@given(st.data())
def test_no_changed_consistency_proof_verifies(data: st.DataObject) -> None:
    after = data.draw(st.integers(2, 130))
    before = data.draw(st.integers(1, after - 1))
    hashes = [root_of(before), root_of(after), *consistency_proof(before, after, NODE)]
    changed = data.draw(st.integers(0, len(hashes) - 1))
    bit = data.draw(st.integers(0, 255))
    hashes[changed] = (int.from_bytes(hashes[changed], "big") ^ (1 << bit)).to_bytes(32, "big")
    with pytest.raises(InvalidProof):
        verify_consistency(before, after, hashes[2:], hashes[0], hashes[1])


def test_a_rewritten_log_is_not_consistent() -> None:
    rewritten = [*LEAVES[:3], bytes(32), *LEAVES[4:20]]
    proof = consistency_proof(7, 20, subtree_reader(rewritten.__getitem__))
    with pytest.raises(InvalidProof, match="root_before"):
        verify_consistency(7, 20, proof, root_of(7), tree_hash(rewritten))


def test_the_same_log_needs_no_proof() -> None:
    verify_consistency(0, 0, [], root_of(0), root_of(0))
    verify_consistency(5, 5, [], root_of(5), root_of(5))
    with pytest.raises(InvalidProof, match="root_after"):
        verify_consistency(5, 5, [], root_of(5), root_of(6))
    with pytest.raises(InvalidProof, match="has 1 hashes"):
        verify_consistency(5, 5, [bytes(32)], root_of(5), root_of(5))


@pytest.mark.parametrize(
    ("before", "after", "message"), [(2, 1, "cannot be the beginning"), (-1, 1, "cannot be the beginning"), (0, 1, "shows nothing")]
)
def test_sizes_without_a_proof_are_refused(before: int, after: int, message: str) -> None:
    with pytest.raises(InvalidProof, match=message):
        verify_consistency(before, after, [], bytes(32), bytes(32))


def test_hashes_of_another_length_are_named() -> None:
    with pytest.raises(InvalidProof, match="leaf hash has 31 bytes"):
        verify_inclusion(0, 1, bytes(31), [], bytes(32))
    with pytest.raises(InvalidProof, match=r"proof\[0\] has 0 bytes"):
        verify_inclusion(0, 2, bytes(32), [b""], bytes(32))
    with pytest.raises(InvalidProof, match="root is empty"):
        verify_inclusion(0, 1, bytes(32), [], b"")
    with pytest.raises(InvalidProof, match="root_before has 3 bytes"):
        verify_consistency(1, 2, [bytes(32)], b"abc", bytes(32))
    with pytest.raises(InvalidProof, match="not among the 1 leaves"):
        verify_inclusion(1, 1, bytes(32), [], bytes(32))


@pytest.mark.parametrize(("position", "size"), [(0, 0), (1, 1), (-1, 1)])
def test_no_inclusion_proof_of_what_is_not_there(position: int, size: int) -> None:
    with pytest.raises(ValueError, match="is not among"):
        inclusion_proof(position, size, NODE)


@pytest.mark.parametrize(("before", "after"), [(0, 1), (2, 1), (0, 0)])
def test_no_consistency_proof_from_nothing_or_backwards(before: int, after: int) -> None:
    with pytest.raises(ValueError, match="needs 0 <"):
        consistency_proof(before, after, NODE)
