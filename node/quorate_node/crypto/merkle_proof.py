"""Inclusion and consistency proofs of the Merkle log: made and checked (RFC 9162 sections 2.1.3 and 2.1.4). Pure.

A proof is a list of 32-byte hashes, lowest level first. Positions count from 0 here; the log's index 1 is position 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest

from quorate_node.crypto.merkle import HASH_BYTES, MerkleError, node_hash

NodeReader = Callable[[int, int], bytes]
"""(level, number) -> hash of the *complete* subtree over leaves [number << level, (number + 1) << level)."""


class InvalidProof(MerkleError):
    """The proof does not show what it claims: the peer's fault, never ours."""


def subtree_reader(leaf: Callable[[int], bytes]) -> NodeReader:
    """A `NodeReader` that only has leaf hashes: reads 2^level leaves for a node, and keeps `level` hashes at a time."""

    def node(level: int, number: int) -> bytes:
        if level == 0:
            return leaf(number)
        return node_hash(node(level - 1, 2 * number), node(level - 1, 2 * number + 1))

    return node


def range_root(start: int, end: int, node: NodeReader) -> bytes:
    """Root of the subtree over leaves [start, end); `start` is a multiple of the least power of two that covers the range.

    Reads one complete node for each bit set in the length (RFC 9162 2.1.1, without the recursion over what is complete).
    """
    assert 0 <= start < end, f"no leaves in [{start}, {end})"
    root = b""
    position = end
    while position > start:
        width = (position - start) & -(position - start)
        position -= width
        left = node(width.bit_length() - 1, position // width)
        root = node_hash(left, root) if root else left
    return root


def inclusion_proof(position: int, size: int, node: NodeReader) -> list[bytes]:
    """Proof that the leaf at `position` is in the log's first `size` leaves (RFC 9162 2.1.3.1). At most 64 hashes.

    Raises `ValueError` unless 0 <= position < size.
    """
    if not 0 <= position < size:
        raise ValueError(f"position {position} is not among the {size} leaves of the log")
    return _path(position, 0, 0, size, node)


def _path(position: int, level: int, start: int, end: int, node: NodeReader) -> list[bytes]:
    """Siblings, lowest first, on the way from the subtree of 2^level leaves that holds `position` up to the root of [start, end)."""
    siblings: list[bytes] = []
    while end - start > 1 << level:
        split = start + (1 << ((end - start - 1).bit_length() - 1))
        if position < split:
            siblings.append(range_root(split, end, node))
            end = split
        else:
            siblings.append(range_root(start, split, node))
            start = split
    siblings.reverse()
    return siblings


def consistency_proof(size_before: int, size_after: int, node: NodeReader) -> list[bytes]:
    """Proof that the first `size_before` leaves of the log are those of the log of `size_after` (RFC 9162 2.1.4.1).

    Empty for equal sizes. Raises `ValueError` unless 0 < size_before <= size_after.
    """
    if not 0 < size_before <= size_after:
        raise ValueError(f"a consistency proof needs 0 < size_before <= size_after, not {size_before} and {size_after}")
    if size_before == size_after:
        return []
    # The lowest subtree on the old log's right edge: complete in both logs, so both roots are built up from it.
    level = (size_before & -size_before).bit_length() - 1
    path = _path(size_before - 1, level, 0, size_after, node)
    if size_before == 1 << level:
        return path  # That subtree is the whole old log: its root is known to the verifier.
    return [node(level, (size_before - 1) >> level), *path]


def verify_inclusion(position: int, size: int, leaf_hash: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that the leaf at `position` is in the log of `size` leaves with `root` (RFC 9162 2.1.3.2). Raises `InvalidProof`."""
    if not 0 <= position < size:
        raise InvalidProof(f"position {position} is not among the {size} leaves of the log")
    _check_hash("leaf hash", leaf_hash)
    inner, border = _path_lengths(position, size)
    _check_proof(proof, inner + border)
    found = leaf_hash
    for level, sibling in enumerate(proof[:inner]):
        found = node_hash(sibling, found) if position >> level & 1 else node_hash(found, sibling)
    _check_root("root", _fold_left(found, proof[inner:]), root)


def verify_consistency(size_before: int, size_after: int, proof: Sequence[bytes], root_before: bytes, root_after: bytes) -> None:
    """Check that the log of `size_after` leaves extends that of `size_before` (RFC 9162 2.1.4.2). Raises `InvalidProof`.

    Equal sizes need no proof: the roots must be equal. From an empty log nothing can be proved, so that is refused.
    """
    if size_before > size_after or size_before < 0:
        raise InvalidProof(f"a log of {size_before} leaves cannot be the beginning of one of {size_after}")
    if size_before == size_after:
        _check_proof(proof, 0)
        _check_root("root_after", root_before, root_after)
        return
    if size_before == 0:
        raise InvalidProof("a proof from the empty log shows nothing: ask for one from at least one leaf")
    _check_hash("root_before", root_before)
    level = (size_before & -size_before).bit_length() - 1
    seeded = size_before == 1 << level
    inner, border = _path_lengths(size_before - 1, size_after)
    inner -= level
    _check_proof(proof, inner + border + (0 if seeded else 1))
    seed, path = (root_before, proof) if seeded else (proof[0], proof[1:])
    before = after = seed
    number = (size_before - 1) >> level
    for step, sibling in enumerate(path[:inner]):
        if number >> step & 1:
            before, after = node_hash(sibling, before), node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    _check_root("root_before", _fold_left(before, path[inner:]), root_before)
    _check_root("root_after", _fold_left(after, path[inner:]), root_after)


def _path_lengths(position: int, size: int) -> tuple[int, int]:
    """Lengths of an inclusion path: up to where it meets the log's right edge, and the left siblings above that."""
    inner = (position ^ (size - 1)).bit_length()
    return inner, (position >> inner).bit_count()


def _fold_left(seed: bytes, siblings: Sequence[bytes]) -> bytes:
    for sibling in siblings:
        seed = node_hash(sibling, seed)
    return seed


def _check_proof(proof: Sequence[bytes], length: int) -> None:
    if len(proof) != length:
        raise InvalidProof(f"the proof has {len(proof)} hashes; for these sizes it has {length}")
    for number, sibling in enumerate(proof):
        _check_hash(f"proof[{number}]", sibling)


def _check_hash(name: str, value: bytes) -> None:
    if len(value) != HASH_BYTES:
        raise InvalidProof(f"{name} has {len(value)} bytes; a hash has {HASH_BYTES}")


def _check_root(name: str, found: bytes, root: bytes) -> None:
    if not compare_digest(found, root):
        raise InvalidProof(f"{name} is {root.hex() or 'empty'}; the proof leads to {found.hex()}")
