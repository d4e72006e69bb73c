"""One connection between two members, as its keys see it: who dialled, and 32 fresh random bytes of each end."""

from __future__ import annotations

from quorate_node.crypto.epochs.derivation import connection_context


class Connection:
    """Made by `Keyring.connect`. One object for both directions; its keys are made in each epoch and step when they are needed."""

    __slots__ = ("context", "number", "open", "peer")

    def __init__(self, number: int, member_id: int, peer: int, own_random: bytes, peer_random: bytes, *, dialled: bool) -> None:
        self.number = number
        """Of this keyring, counted from 1; never on the wire."""
        self.peer = peer
        """The member that the transport has authenticated at the other end."""
        self.context = (
            connection_context(member_id, peer, own_random, peer_random)
            if dialled
            else connection_context(peer, member_id, peer_random, own_random)
        )
        self.open = True

    def __repr__(self) -> str:
        return f"Connection({self.number}, peer {self.peer}, {'open' if self.open else 'closed'})"
