"""One epoch as one member holds it: a sealing and an opening chain for each peer. All are made when it begins; the exporter dies then."""

from __future__ import annotations

from enum import StrEnum

from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.derivation import first_chain_key
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.receiving import ReceivingLink
from quorate_node.crypto.epochs.sending import SendingLink
from quorate_node.crypto.epochs.settings import EpochSettings


class EpochPhase(StrEnum):
    PREPARED = "prepared"
    """Of a commit that is not applied: nothing is sealed or opened, and it is not announced."""
    OPEN_ONLY = "open-only"
    """Installed and announced; no peer has announced it yet, so nothing is sealed with it."""
    SEALING = "sealing"
    """The newest: links whose peer has announced it seal with it."""
    RETIRING = "retiring"
    """A newer one is installed: it seals for links whose peer lags, and opens what is under way."""


class Link:
    """Both directions between this member and one peer."""

    __slots__ = ("receiving", "sending")

    def __init__(self, grant: EpochGrant, member_id: int, peer: int, settings: EpochSettings) -> None:
        group_id, number, exporter = grant.group_id, grant.number, grant.exporter
        self.sending = SendingLink(grant.id, member_id, first_chain_key(exporter, group_id, number, member_id, peer), settings)
        self.receiving = ReceivingLink(first_chain_key(exporter, group_id, number, peer, member_id), settings)

    def erase(self) -> None:
        self.sending.erase()
        self.receiving.erase()


class Epoch:
    """`grant` is used up: its exporter secret is erased, whether this succeeds or not."""

    def __init__(self, grant: EpochGrant, member_id: int, settings: EpochSettings) -> None:
        try:
            self.id = grant.id
            self.members = tuple(sorted(grant.members))
            # For all members, those that are not connected too: later in the epoch nothing is left to derive from.
            self.links = {peer: Link(grant, member_id, peer, settings) for peer in self.members if peer != member_id}
        finally:
            grant.erase()
        self.index = 0
        """Log index of the entry that made it: which of two epochs is newer, whatever groups they are of."""
        self.installed_ms: int | None = None
        self.superseded_ms: int | None = None
        """When a newer one was installed, or this member was found unable to follow."""
        self.agreed_ms: int | None = None
        """When the last of its members had announced it."""
        self._missing = set(self.links)

    def install(self, index: int, now_ms: int) -> None:
        self.index = index
        self.installed_ms = now_ms
        self._agree(now_ms)

    @property
    def phase(self) -> EpochPhase:
        if self.installed_ms is None:
            return EpochPhase.PREPARED
        if self.superseded_ms is not None:
            return EpochPhase.RETIRING
        return EpochPhase.OPEN_ONLY if self.links and len(self._missing) == len(self.links) else EpochPhase.SEALING

    def announced_by(self, peer: int) -> bool:
        return peer in self.links and peer not in self._missing

    @property
    def missing(self) -> tuple[int, ...]:
        """Peers that have not announced it, ascending."""
        return tuple(sorted(self._missing))

    def heard(self, peer: int, *, announced: bool, now_ms: int) -> None:
        if peer not in self.links:
            return
        if announced:
            self._missing.discard(peer)
            self._agree(now_ms)
        else:
            self._missing.add(peer)

    def _agree(self, now_ms: int) -> None:
        # Once true it stays: a member that loses the epoch later does not need the one before, which it lost as well.
        if not self._missing and self.agreed_ms is None:
            self.agreed_ms = now_ms

    def attach(self, connection: Connection) -> None:
        if (link := self.links.get(connection.peer)) is not None:
            link.receiving.attach(connection)

    def detach(self, connection: Connection) -> None:
        if (link := self.links.get(connection.peer)) is not None:
            link.sending.detach(connection)
            link.receiving.detach(connection)

    def remove(self, peer: int) -> None:
        """A later epoch does not have this peer, or the link is given up: nothing is sealed for it any more, and nothing of it opened."""
        if (link := self.links.pop(peer, None)) is not None:
            link.erase()
            self._missing.discard(peer)

    def tick(self, now_ms: int) -> int:
        """How many sealing chains have stepped."""
        steps = 0
        for link in self.links.values():
            steps += link.sending.tick(now_ms)
            link.receiving.tick(now_ms)
        return steps

    def erase(self) -> None:
        for link in self.links.values():
            link.erase()
        self.links.clear()
