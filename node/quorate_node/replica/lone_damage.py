"""Damage of the only member of a cluster: nobody else has what is lost, so an operator decides, and is told exactly about what."""

from __future__ import annotations

import logging

from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.storage import Storage
from quorate_node.telemetry.telemetry import Telemetry

logger = logging.getLogger(__name__)

FLAG = "--discard-damaged-from"


class DiscardRefused(Exception):
    """The operator named another index than the one where the damage begins, or a member that has peers to be repaired from."""


async def recover_alone(storage: Storage, applied: SnapshotMetadata, discard_from: int | None, telemetry: Telemetry) -> str | None:
    """Make the log whole: None. Or say what is damaged and what can be done, when only an operator can decide to lose it.

    What the state holds durably (`applied`) is not needed from the log. Behind that, nothing is cut but from the very index that
    `discard_from` names. Raises `DiscardRefused`.
    """
    telemetry.damaged_entries.add(sum(high - low for low, high in storage.log.damaged()))
    while (damaged := storage.log.damaged()) and damaged[0][0] <= applied.index:
        logger.warning("log entries %s are damaged; the state holds them up to %d, so the log goes on without", damaged, applied.index)
        await storage.leave_damage_to_state(applied)
    if not damaged:
        return None
    first, last = damaged[0][0], storage.log.last_index()
    if discard_from is None:
        return _decision(damaged, last)
    if discard_from != first:
        raise DiscardRefused(f"{FLAG} names {discard_from}, and the damage begins at {first}: {_decision(damaged, last)}")
    await storage.forget_log_tail(first)
    logger.critical("log entries from %d to %d were given up (%s): what they held is lost", first, max(first, last), FLAG)
    return None


def refuse_with_peers(discard_from: int | None) -> None:
    """Raises `DiscardRefused`: who has peers is repaired from them, and must not forget what it may have acknowledged to them."""
    if discard_from is not None:
        raise DiscardRefused(f"{FLAG} is for a cluster of one member; this one has others and is repaired from them: leave it out")


def _decision(damaged: list[tuple[int, int]], last: int) -> str:
    shown = ", ".join(f"{low} to {high - 1}" if high > low + 1 else f"{low}" for low, high in damaged)
    first = damaged[0][0]
    subject = f"entry {shown} is" if damaged == [(first, first + 1)] else f"entries {shown} are"
    behind = f" and everything behind it, up to {last}," if last > first else ""
    return (
        f"log {subject} damaged on disk, the state has not outlived that, and this cluster has no other member to repair it from; "
        f"restore a snapshot into an empty data directory, or give up entry {first}{behind} for good: start once with {FLAG} {first}"
    )
