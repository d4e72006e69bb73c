"""Numbers that are asked for when somebody scrapes, so that they cost nothing in between."""

from __future__ import annotations

from collections.abc import Callable

from quorate.wire.commands import CommandKind
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.ready import Role
from quorate_node.replica.member import Member
from quorate_node.replica.replica import Replica
from quorate_node.replica.service_face import ServiceFace
from quorate_node.replica.storage import Storage
from quorate_node.telemetry.instruments import Gauge
from quorate_node.telemetry.telemetry import Telemetry
from quorate_node.transport.websocket import WebSocketTransport

CONSISTENCIES = ("linearizable", "lease", "stale")
"""Names of the values of `replica.service.Consistency`."""


def publish(telemetry: Telemetry, replica: Replica, storage: Storage, service: ServiceFace) -> None:
    """Bind what this replica knows of itself; zeros before it belongs to a cluster."""

    def of_member(gauge: Gauge, read: Callable[[Member], float]) -> None:
        gauge.function = lambda: read(replica.member) if replica.member is not None else 0.0

    def of_machine(gauge: Gauge, read: Callable[[KeyValueMachine], float]) -> None:
        def sampled() -> float:
            machine = replica.member.machine if replica.member is not None else None
            return read(machine) if isinstance(machine, KeyValueMachine) else 0.0  # A witness has none of it.

        gauge.function = sampled

    of_member(telemetry.proposals_pending, lambda member: len(member.engine.pending))
    of_member(telemetry.commit_index, lambda member: member.engine.raft.commit_index)
    of_member(telemetry.applied_index, lambda member: member.machine.applied_index)
    of_member(telemetry.term, lambda member: member.engine.raft.term)
    of_member(telemetry.is_leader, lambda member: member.engine.soft_state.role == Role.LEADER)
    of_member(telemetry.has_leader, lambda member: bool(member.engine.soft_state.leader))
    of_member(telemetry.revision, lambda member: member.machine.revision)
    of_member(telemetry.compacted_revision, lambda member: member.machine.compacted_revision)
    of_machine(telemetry.leases, lambda machine: machine.leases_alive)
    of_machine(telemetry.sessions, lambda machine: machine.sessions_alive)
    of_machine(telemetry.watches_behind, lambda machine: machine.hub.behind)
    telemetry.log_size_bytes.function = storage.log.size_bytes
    telemetry.state_size_bytes.function = storage.state_size_bytes
    telemetry.disk_free_bytes.function = storage.free_bytes
    telemetry.samplers.append(lambda: _sample(telemetry, replica.member, service))


def _sample(telemetry: Telemetry, member: Member | None, service: ServiceFace) -> None:
    for name, count in zip(CONSISTENCIES, service.reads_asked, strict=True):
        telemetry.reads.values[(name,)] = count
    if member is None:
        return
    pending, reads = member.engine.pending, member.engine.reads
    for name, count in (
        ("replica.pending_commands_max", pending.refused_by_count),
        ("replica.pending_bytes_max", pending.refused_by_bytes),
        ("replica.pending_reads_max", reads.refused),
    ):
        telemetry.replica_limit_hits.values[(name,)] = count
    telemetry.divergences.value = member.housekeeping.divergences + member.divergences_told
    if isinstance(member.machine, KeyValueMachine):
        for kind, count in member.machine.commands_applied.items():
            telemetry.commands_applied.values[(CommandKind(kind).name.lower(),)] = count


def publish_transport(telemetry: Telemetry, transport: WebSocketTransport) -> None:
    telemetry.samplers.append(lambda: _sample_transport(telemetry, transport))


def _sample_transport(telemetry: Telemetry, transport: WebSocketTransport) -> None:
    connected = transport.connected()
    telemetry.peer_connected.values = {(str(link.member_id),): float(link.member_id in connected) for link in transport.links()}
    counters = transport.counters
    telemetry.peer_sent_bytes.value = counters.bytes_sent
    telemetry.peer_received_bytes.value = counters.bytes_received
    telemetry.peer_dropped.values = {
        ("disconnected",): counters.dropped_disconnected,
        ("queue_full",): counters.dropped_queue_full,
        ("oversize",): counters.dropped_oversize,
        ("unknown_peer",): counters.dropped_unknown_peer,
    }
    telemetry.peer_handshakes_refused.values = {("us",): counters.refused_by_us, ("peer",): counters.refused_by_peer}
    telemetry.peer_non_voting_refused.values = {
        ("handshake",): counters.non_voting_handshakes,
        ("message",): counters.non_voting_messages,
        ("request",): counters.non_voting_requests,
    }
