"""Gauges that are asked for when somebody scrapes, so that they cost nothing in between."""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.protocol.ready import Role
from quorate_node.replica.member import Member
from quorate_node.replica.replica import Replica
from quorate_node.replica.storage import Storage
from quorate_node.telemetry.telemetry import Telemetry


def publish(telemetry: Telemetry, replica: Replica, storage: Storage) -> None:
    """Bind the gauges to this replica; zeros before it belongs to a cluster."""

    def of_member(read: Callable[[Member], float]) -> Callable[[], float]:
        return lambda: read(replica.member) if replica.member is not None else 0.0

    telemetry.proposals_pending.function = of_member(lambda member: len(member.engine.pending))
    telemetry.commit_index.function = of_member(lambda member: member.engine.raft.commit_index)
    telemetry.applied_index.function = of_member(lambda member: member.machine.applied_index)
    telemetry.term.function = of_member(lambda member: member.engine.raft.term)
    telemetry.is_leader.function = of_member(lambda member: member.engine.soft_state.role == Role.LEADER)
    telemetry.has_leader.function = of_member(lambda member: bool(member.engine.soft_state.leader))
    telemetry.revision.function = of_member(lambda member: member.machine.revision)
    telemetry.compacted_revision.function = of_member(lambda member: member.machine.compacted_revision)
    telemetry.log_size_bytes.function = storage.log.size_bytes
    telemetry.state_size_bytes.function = storage.state_size_bytes
