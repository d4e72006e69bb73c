"""The end of a stage: the record of how far the machine is goes into the same batch, and what was written becomes the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from quorate_node.machine.committed import Committed, Lease, Session
from quorate_node.machine.deadlines import Deadlines
from quorate_node.machine.digest import Seal
from quorate_node.machine.events import pack_runs
from quorate_node.machine.metadata import STATE_FORMAT, STATE_KEY, MachineState, encode_state
from quorate_node.machine.stage import Stage
from quorate_node.protocol.entry import Entry
from quorate_node.protocol.membership import Configuration

K = TypeVar("K")
V = TypeVar("V")


def finish(stage: Stage, seal: Seal, last: Entry, configuration: Configuration) -> MachineState:
    """Complete the stage's batch for the entries up to `last`."""
    stage.finish_sessions()
    pack_runs(stage.events, stage.batch.writes["revisions"].__setitem__)
    state = MachineState(
        STATE_FORMAT,
        last.index,
        last.term,
        stage.revision,
        stage.compacted_revision,
        stage.log_time_ms,
        stage.cluster_version,
        stage.key_count,
        seal.chain,
        seal.frontier.encode(),
        seal.digest,
        configuration,
        stage.application,
    )
    stage.batch.put(STATE_KEY, encode_state(state), "meta")
    return state


def absorb(committed: Committed, stage: Stage, seal: Seal, state: MachineState, size_bytes: int) -> None:
    """The store has taken the batch: what the stage held is the state now. `size_bytes`: of the entries it came from."""
    committed.cache.written(stage.batch.writes["current"], size_bytes)
    granted = [(lease.deadline_ms, number) for number, lease in stage.leases.items() if lease and number not in committed.leases]
    opened = [(one.deadline_ms, number) for number, one in stage.sessions.items() if one and number not in committed.sessions]
    _lay_over(committed.leases, stage.leases)
    _lay_over(committed.sessions, stage.sessions)
    _add(committed.lease_deadlines, granted, committed.leases)
    _add(committed.session_deadlines, opened, committed.sessions)
    _lay_over(committed.members, stage.members)
    committed.group = stage.group
    if stage.pending or committed.pending:
        for place, reply in stage.replies.items():
            if reply is None:
                committed.pending.pop(place, None)
        committed.pending.update((place, pending) for place, pending in stage.pending.items() if stage.replies.get(place) is not None)
    committed.frontier = seal.frontier
    committed.state = state


def _lay_over(kept: dict[K, V], changed: dict[K, V | None]) -> None:
    for key, value in changed.items():
        if value is None:
            kept.pop(key, None)
        else:
            kept[key] = value


def _add(deadlines: Deadlines, new: list[tuple[int, int]], alive: Mapping[int, Lease | Session]) -> None:
    for deadline_ms, number in new:
        deadlines.add(deadline_ms, number)
    if new:
        deadlines.keep_only(((one.deadline_ms, number) for number, one in alive.items()), len(alive))
