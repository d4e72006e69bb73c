"""What must hold whatever happens. Each check names the property (Raft figure 3) that it guards."""

from __future__ import annotations

from quorate_node.protocol.entry import Entry, leaf_hash
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.raft import Raft


class Broken(AssertionError):
    """A property does not hold."""


class Checks:
    def __init__(self) -> None:
        self.leaders: dict[int, int] = {}
        self.created: dict[tuple[int, int], bytes] = {}
        self.applied: dict[int, tuple[int, bytes, int]] = {}
        """index -> (term, leaf, term in which it was first seen applied)."""
        self.votes: dict[tuple[int, int], int] = {}
        self.floor = 0
        """Position of the newest write that any completed operation has shown."""
        self.operations = 0

    def leader(self, raft: Raft) -> None:
        """Election safety: one leader a term. Leader completeness: it has everything committed in earlier terms."""
        known = self.leaders.setdefault(raft.term, raft.id)
        if known != raft.id:
            raise Broken(f"election safety: members {known} and {raft.id} lead term {raft.term}")
        log = raft.core.log
        for index, (term, _, seen_in) in self.applied.items():
            if seen_in < raft.term and index >= log.first_index() and log.term_or_zero(index) != term:
                raise Broken(f"leader completeness: member {raft.id} leads term {raft.term} without entry {term}/{index}")

    def stored(self, entry: Entry) -> None:
        """Log matching: an index and a term name one entry, on every member."""
        leaf = leaf_hash(entry)
        if self.created.setdefault((entry.index, entry.term), leaf) != leaf:
            raise Broken(f"log matching: two entries are {entry.term}/{entry.index}")

    def apply(self, raft: Raft, entry: Entry) -> None:
        """State machine safety, and durability of what was committed: nobody ever applies another entry at an index."""
        seen = (entry.term, leaf_hash(entry))
        known = self.applied.setdefault(entry.index, (*seen, raft.term))
        if known[:2] != seen:
            raise Broken(f"state machine safety: member {raft.id} applies {entry.term} at {entry.index}, not {known[0]}")

    def sent(self, message: Message) -> None:
        """A member votes once a term, however often it crashes."""
        if message.type == MessageType.VOTE_RESPONSE and not message.reject:
            key = (message.sender, message.term)
            if self.votes.setdefault(key, message.to) != message.to:
                raise Broken(f"member {message.sender} voted twice in term {message.term}")

    def begin(self) -> int:
        return self.floor

    def complete(self, what: str, floor: int, position: int) -> None:
        """Linearizability of one register: an operation shows at least what was complete when it began."""
        self.operations += 1
        if position < floor:
            raise Broken(f"linearizability: {what} shows {position}, but {floor} was complete before it began")
        self.floor = max(self.floor, position)
