"""What a member says of itself and, when it leads, of the others."""

from __future__ import annotations

from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.protocol.ready import Role
from quorate_node.replica.member import Member
from quorate_node.replica.replica import RELEASE, Replica
from quorate_node.replica.service import MemberInfo, MemberStatus, PeerProgress
from quorate_node.replica.settings import ReplicaSettings
from quorate_node.replica.storage import Storage


def member_infos(member: Member) -> tuple[int, list[MemberInfo]]:
    """(configuration index, members by name); progress only where this member leads."""
    configuration = member.machine.configuration
    raft = member.engine.raft
    progress = raft.status().progress if member.engine.soft_state.role == Role.LEADER else {}
    infos = []
    for record in sorted(member.machine.members.values(), key=lambda record: (record.name, record.member_id)):
        role = _listed_role(record, configuration)
        seen = progress.get(record.member_id)
        peer = None
        if seen is not None:
            active = seen.recent_active or record.member_id == raft.id
            peer = PeerProgress(record.member_id, seen.state.name.lower(), seen.match, active, raft.last_index - seen.match)
        infos.append(MemberInfo(record.member_id, record.name, role, record.peer_url, record.client_url, record.priority, peer))
    return member.engine.configuration_index, infos


def _listed_role(record: MemberRecord, configuration: Configuration) -> str:
    if record.member_id in configuration.witnesses:
        return "witness"
    if record.member_id in configuration.voters:
        return "voter"
    return "non-voting" if record.non_voting else "learner"


def _role(replica: Replica, member: Member | None) -> str:
    if replica.stopped_because is not None:
        return "stopped"
    if member is None:
        return "damaged" if replica.damage else "repairing" if replica.repairing else "joining" if replica.member_id else "uninitialised"
    configuration: Configuration = member.machine.configuration
    if replica.member_id in configuration.witnesses:
        return "witness"
    if replica.member_id in configuration.learners or not configuration.voters:
        record = member.machine.members.get(replica.member_id)
        return "non-voting" if record is not None and record.non_voting else "learner"
    return {Role.LEADER: "leader", Role.FOLLOWER: "follower"}.get(member.engine.soft_state.role, "candidate")


def _alarms(replica: Replica, member: Member | None, storage: Storage) -> tuple[str, ...]:
    alarms = list(storage.alarms())
    if replica.stopped_because is not None:
        alarms.append(f"Stopped: {replica.stopped_because}")
    if replica.removed:
        alarms.append(f"Removed: {replica.removed}")
    if member is None:
        alarms.append(f"NotReady: {replica.not_ready_reason()}")
    else:
        alarms.extend(f"{name}: {text}" for name, text in member.housekeeping.alarms.items())
    return tuple(alarms)


def member_status(replica: Replica, settings: ReplicaSettings, storage: Storage) -> MemberStatus:
    member = replica.member
    engine = member.engine if member is not None else None
    machine = member.machine if member is not None else None
    return MemberStatus(
        member_id=replica.member_id,
        name=settings.name,
        role=_role(replica, member),
        peer_url=settings.peer_url,
        client_url=settings.client_url,
        leader_id=engine.soft_state.leader if engine is not None else 0,
        term=engine.raft.term if engine is not None else 0,
        commit_index=engine.raft.commit_index if engine is not None else 0,
        applied_index=machine.applied_index if machine is not None else 0,
        first_index=storage.log.first_index(),
        last_index=storage.log.last_index(),
        revision=machine.revision if machine is not None else 0,
        compacted_revision=machine.compacted_revision if machine is not None else 0,
        log_size_bytes=storage.log.size_bytes(),
        state_size_bytes=storage.state_size_bytes(),
        cluster_version=machine.cluster_version if machine is not None else 0,
        version=RELEASE,
        boot_counter=storage.boot_counter,
        errors=_alarms(replica, member, storage),
    )
