"""What status and debug pages show of the group keys: no secret, and nothing from which one follows."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_node.crypto.epochs.epoch import Epoch, EpochPhase
from quorate_node.crypto.epochs.identity import EpochId
from quorate_node.crypto.epochs.lifecycle import GroupState


@dataclass(frozen=True, slots=True)
class EpochStatus:
    id: EpochId
    index: int
    """Log index of the entry that made it; 0 for a prepared one."""
    phase: EpochPhase
    members: tuple[int, ...]
    missing: tuple[int, ...]
    """Peers that have not announced it."""

    @classmethod
    def of(cls, epoch: Epoch) -> EpochStatus:
        return cls(epoch.id, epoch.index, epoch.phase, epoch.members, epoch.missing)


@dataclass(frozen=True, slots=True)
class LinkStatus:
    peer: int
    epoch: EpochId | None
    """What this member seals with; None: the recovery class."""
    sealing_step: int
    opening_step: int


@dataclass(frozen=True, slots=True)
class KeyringStatus:
    state: GroupState
    epochs: tuple[EpochStatus, ...]
    """Oldest first; the prepared one, if there is one, last."""
    links: tuple[LinkStatus, ...]
    """Of all peers of the epochs that are held, ascending."""
    connections: int
