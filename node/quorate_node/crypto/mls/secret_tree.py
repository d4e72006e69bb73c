"""The secret tree (section 9): from an epoch's encryption secret to each sender's two ratchets, derived when first needed.

A node's secret is erased as soon as those of both children are there, so that consumed keys cannot be derived again from above.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from quorate_node.crypto.mls.errors import ValidationError
from quorate_node.crypto.mls.labels import expand_with_label
from quorate_node.crypto.mls.ratchet import DEFAULT_RATCHET_LIMITS, Look, Ratchet, RatchetLimits
from quorate_node.crypto.mls.secret import Secret, erase_all
from quorate_node.crypto.mls.suites import Suite


class RatchetKind(IntEnum):
    """Handshake messages (proposals and commits) and application messages have keys of their own."""

    HANDSHAKE = 0
    APPLICATION = 1


@dataclass(frozen=True, slots=True)
class _Node:
    """A node by its height above the leaves and its place from the left at that height."""

    height: int
    place: int


class SecretTree:
    """The message keys of one epoch. Mutable: what is consumed is erased in place."""

    __slots__ = ("_height", "_leaves", "_limits", "_nodes", "_ratchets", "_suite")

    def __init__(self, suite: Suite, encryption_secret: Secret, leaves: int, limits: RatchetLimits = DEFAULT_RATCHET_LIMITS) -> None:
        """Takes `encryption_secret` over. `leaves`: those of the ratchet tree, blank ones counted."""
        assert leaves > 0, "a tree has a leaf at least"
        self._suite = suite
        self._leaves = leaves
        self._height = (leaves - 1).bit_length()
        self._limits = limits
        self._nodes = {_Node(self._height, 0): encryption_secret}
        self._ratchets: dict[int, tuple[Ratchet, Ratchet]] = {}

    def look(self, leaf: int, kind: RatchetKind, generation: int) -> Look:
        """The key of a received message, not yet consumed. Raises `ValidationError` for a leaf that is none, and `ReplayError`."""
        return self.ratchet(leaf, kind).look(generation)

    def take(self, leaf: int, kind: RatchetKind, look: Look) -> None:
        """Consume it: the message has proved to be genuine."""
        self.ratchet(leaf, kind).take(look)

    def ratchet(self, leaf: int, kind: RatchetKind) -> Ratchet:
        """One sender's ratchet. Raises `ValidationError` for a leaf that is none."""
        if not 0 <= leaf < self._leaves:
            raise ValidationError(f"leaf {leaf} sends a message: the tree has {self._leaves} leaves")
        ratchets = self._ratchets.get(leaf)
        if ratchets is None:
            ratchets = self._ratchets[leaf] = self._open(leaf)
        return ratchets[kind]

    def erase(self) -> None:
        """Overwrite everything. What was erased stays in its place, so that using it fails as an erased secret."""
        erase_all(self._nodes.values())
        for pair in self._ratchets.values():
            for ratchet in pair:
                ratchet.erase()

    def _open(self, leaf: int) -> tuple[Ratchet, Ratchet]:
        """Both ratchets of a leaf; the secrets on the way down to it are replaced by those beside the way."""
        height = next(height for height in range(self._height + 1) if _Node(height, leaf >> height) in self._nodes)
        for above in range(height, 0, -1):
            parent = self._nodes.pop(_Node(above, leaf >> above))
            for side, label in enumerate((b"left", b"right")):
                self._nodes[_Node(above - 1, (leaf >> above) * 2 + side)] = self._expand(parent, "tree", label)
            parent.erase()
        secret = self._nodes.pop(_Node(0, leaf))
        handshake = Ratchet(self._suite, self._expand(secret, "handshake"), self._limits)
        application = Ratchet(self._suite, self._expand(secret, "application"), self._limits)
        secret.erase()
        return handshake, application

    def _expand(self, secret: Secret, label: str, context: bytes = b"") -> Secret:
        return Secret(expand_with_label(self._suite, secret.buffer(), label, context, self._suite.hash_bytes))
