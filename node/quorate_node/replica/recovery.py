"""A member whose log is damaged, before the protocol starts: until it is whole again it neither votes nor acknowledges.

First the damaged entries themselves, from any peer that has them under the same chain hash. When nobody has (the damage is in a tail
that the cluster went on without), the log is cut there and fetched anew from a leader that a quorum has just confirmed, up to the
end of that leader's log: whatever this member ever acknowledged and that still counts lies at or below it. When that leader has
compacted them away, a peer's state takes their place (`state_recovery`), and the log begins after it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from quorate_node.machine.interface import Machine
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.ready import Persist
from quorate_node.replica.repair import LogRepair
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.state_recovery import StateRecovery
from quorate_node.replica.storage import Storage, applied_point
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.interface import PeerFailure, PeerRefused, RequestKind, Transport

logger = logging.getLogger(__name__)

ROUNDS_MAX = 25
"""So often, `join_retry_ms` apart, peers that do not answer are asked for damaged entries that the state has outlived."""


async def recover_log(
    settings: ReplicaSettings,
    storage: Storage,
    machine: Machine,
    transport: Transport,
    peers: Sequence[int],
    telemetry: Telemetry,
) -> None:
    """Return when the log is whole. Waits for peers for as long as it takes: to start without is to forget what was promised. For what
    the state has outlived it waits for a while only: nothing was promised by that, and all the others may be gone.

    `machine`: what the state durably holds; entries up to there are not needed by this member itself.
    """
    repair = LogRepair(settings, storage.log, transport, telemetry)
    states = StateRecovery(settings, storage, machine, transport, telemetry)
    repair.found(storage.log.damaged())
    rounds_left = ROUNDS_MAX
    while damaged := storage.log.damaged():
        logger.warning("log entries %s are damaged; repairing from peers before taking part", damaged)
        low = damaged[0][0]
        if await repair.damaged(damaged, peers):
            continue
        if low <= machine.applied_index and repair.unheard and rounds_left > 1:
            # As at every start, when no connection is there yet.
            rounds_left -= 1
            await asyncio.sleep(settings.join_retry_ms / 1000)
            continue
        if low <= machine.applied_index:
            # Nobody has them, and the state has outlived them: the log starts after it, or where the application needs it.
            # failpoint: recovery.before_rebase, awaited
            await storage.leave_damage_to_state(applied_point(machine))
            continue
        end = await _confirmed_end(settings, transport, peers)
        # failpoint: recovery.after_confirmed_end, awaited
        if end is not None and await _refetch(repair, storage, min(low, _certain(storage, machine) + 1), *end):
            repair.repaired(sum(high - low for low, high in damaged))
            return
        leader_first = sorted(peers, key=lambda peer: end is None or peer != end[0])
        if not await states.fetch(low, leader_first):
            await asyncio.sleep(settings.join_retry_ms / 1000)
    await storage.follow_state(applied_point(machine))  # A peer's, maybe, while the damage behind which it lies was repaired after all.


def _certain(storage: Storage, machine: Machine) -> int:
    """Up to where this log is the cluster's. What lies between that and the damage may never have been committed, and is replaced too."""
    return max(machine.applied_index, storage.log.initial()[0].commit)


async def _confirmed_end(settings: ReplicaSettings, transport: Transport, peers: Sequence[int]) -> tuple[int, int] | None:
    """(leader, last index of its log), once its leadership was confirmed by a quorum."""
    for peer in peers:
        try:
            answer = await transport.request(peer, RequestKind.STATUS, b"", settings.request_timeout_ms / 1000)
            last_index, _ = msgspec.msgpack.decode(answer, type=tuple[int, int])
            return peer, last_index
        except (PeerFailure, PeerRefused, msgspec.MsgspecError) as failure:
            logger.info("member %d is no leader to recover from: %s", peer, failure)
    return None


async def _refetch(repair: LogRepair, storage: Storage, low: int, leader: int, last_index: int) -> bool:
    """Replace everything from `low` on by the leader's entries. Nothing is cut before all of it is here."""
    entries: list[Entry] = []
    at = low
    while at <= last_index:
        fetched = await repair.fetch(leader, at, last_index + 1)
        if not fetched:
            return False
        entries.extend(fetched)
        at = fetched[-1].index + 1
    if not entries:
        await storage.forget_log_tail(low)  # The leader's log ends before the damage: what was here was never committed.
        return True
    # failpoint: recovery.refetch.before_write, awaited
    await storage.enter_term(entries[-1].term)
    await storage.write_log(Persist(None, entries, None, True))
    logger.info("log entries from %d to %d were fetched anew from member %d", low, last_index, leader)
    return True
