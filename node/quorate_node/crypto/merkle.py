"""The Merkle log's frontier: what must be kept to append leaves and to name the root (RFC 9162 section 2.1). Pure.

Leaf hashes come from above (`protocol.entry.leaf_hash`); an inner node is SHA-256(0x01, left, right). The frontier of a log of
n leaves holds the roots of its complete subtrees, one for each bit that is set in n, the largest (leftmost) first: 32 bytes
times at most 64, whatever the length of the log. Proofs over such a log are in `merkle_proof`.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct

HASH_BYTES = 32
SIZE_MAX = 2**64 - 1
EMPTY_ROOT = sha256(b"").digest()
"""The root of a log without leaves (RFC 9162 2.1.1)."""

_NODE_PREFIX = b"\x01"
_SIZE = Struct(">Q")


class MerkleError(Exception):
    """Base of all errors of the Merkle log."""


class MalformedFrontier(MerkleError):
    """Bytes that are no frontier: damaged, or of another format."""


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of an inner node: SHA-256(0x01, left, right) (RFC 9162 2.1.1)."""
    return sha256(_NODE_PREFIX + left + right).digest()


class Frontier:
    """The right edge of an append-only Merkle log. Mutable: appending changes it in place; `copy` is cheap (at most 64 references).

    `size` is the number of leaves, `nodes` the roots of the complete subtrees from left to right, `size.bit_count()` of them.
    An append costs one SHA-256 on average (each inner node is made once), a root at most 63.
    """

    __slots__ = ("_nodes", "_size")

    def __init__(self, size: int = 0, nodes: Iterable[bytes] = ()) -> None:
        """Raises `MalformedFrontier` when the number or the length of `nodes` does not fit `size`."""
        kept = list(nodes)
        if not 0 <= size <= SIZE_MAX:
            raise MalformedFrontier(f"frontier size {size} is not within 0 and {SIZE_MAX}")
        if len(kept) != size.bit_count():
            raise MalformedFrontier(f"a frontier of {size} leaves has {size.bit_count()} nodes, not {len(kept)}")
        if any(len(node) != HASH_BYTES for node in kept):
            raise MalformedFrontier(f"frontier nodes are {HASH_BYTES} bytes each, not {[len(node) for node in kept]}")
        self._size = size
        self._nodes = kept

    @property
    def size(self) -> int:
        return self._size

    @property
    def nodes(self) -> tuple[bytes, ...]:
        return tuple(self._nodes)

    def append(self, leaf_hash: bytes) -> None:
        """Append one leaf by its 32-byte hash."""
        self.append_many((leaf_hash,))

    def append_many(self, leaf_hashes: Iterable[bytes]) -> None:
        """Append leaves in order. A wrong length is a bug of the caller and fails before anything is changed by that leaf."""
        nodes, size = self._nodes, self._size
        try:
            for leaf_hash in leaf_hashes:
                assert len(leaf_hash) == HASH_BYTES, f"a leaf hash is {HASH_BYTES} bytes, not {len(leaf_hash)}"
                node, carry = leaf_hash, size
                while carry & 1:
                    node = sha256(_NODE_PREFIX + nodes.pop() + node).digest()
                    carry >>= 1
                nodes.append(node)
                size += 1
        finally:
            # Also when the iterable fails midway: the nodes already hold the leaves before it, so the size must count them.
            self._size = size
        assert len(nodes) == size.bit_count(), "a frontier has one node for each bit set in its size"

    def root(self) -> bytes:
        """Root hash of the whole log, 32 bytes; `EMPTY_ROOT` when there are no leaves."""
        if not self._nodes:
            return EMPTY_ROOT
        root = self._nodes[-1]
        for node in self._nodes[-2::-1]:
            root = sha256(_NODE_PREFIX + node + root).digest()
        return root

    def copy(self) -> Frontier:
        """An independent frontier with the same leaves: append to it first where the write that goes with it may be refused."""
        twin = Frontier.__new__(Frontier)
        twin._size = self._size
        twin._nodes = self._nodes.copy()
        return twin

    def encode(self) -> bytes:
        """Canonical bytes: size u64 big-endian, then the nodes; 8 + 32 * nodes bytes."""
        return _SIZE.pack(self._size) + b"".join(self._nodes)

    @classmethod
    def decode(cls, data: bytes) -> Frontier:
        """The inverse of `encode`. Raises `MalformedFrontier`."""
        if len(data) < _SIZE.size or (len(data) - _SIZE.size) % HASH_BYTES:
            raise MalformedFrontier(f"a frontier is {_SIZE.size} bytes and {HASH_BYTES} bytes a node, not {len(data)} bytes")
        (size,) = _SIZE.unpack_from(data)
        return cls(size, [bytes(data[at : at + HASH_BYTES]) for at in range(_SIZE.size, len(data), HASH_BYTES)])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Frontier) and self._size == other._size and self._nodes == other._nodes

    __hash__ = None  # type: ignore[assignment]
    """Mutable: never a key."""

    def __repr__(self) -> str:
        return f"Frontier(size={self._size}, root={self.root().hex()})"
