"""Changes of membership: proposing one, applying one, leaving a joint configuration (Ongaro's thesis 4; effect on apply as etcd)."""

from __future__ import annotations

from quorate_node.protocol.membership import Configuration, MembershipChange
from quorate_node.protocol.raft import reads, transfer
from quorate_node.protocol.raft.changer import ChangeError, Changer
from quorate_node.protocol.raft.core import Core
from quorate_node.protocol.raft.errors import InvariantBroken
from quorate_node.protocol.raft.progress import Progress
from quorate_node.protocol.raft.replication import broadcast_append, maybe_commit
from quorate_node.protocol.raft.tracker import Members
from quorate_node.protocol.ready import Role


def refusal(core: Core, change: MembershipChange) -> str:
    """Why `change` must not enter the log now, "" when it may. Best effort: it is judged against the *applied* configuration."""
    joint = core.tracker.members.is_joint()
    leaves = not change.changes
    if core.pending_membership_index > core.log.applied:
        return f"possible unapplied conf change at index {core.pending_membership_index} (applied to {core.log.applied})"
    if joint and not leaves:
        return "must transition out of joint config first"
    if not joint and leaves:
        return "not in joint state; refusing empty conf change"
    return ""


def impossible(core: Core, change: MembershipChange) -> str:
    """Why `change` could never be applied to this configuration, "" when it can. An entry like that would stop every member."""
    try:
        Changer(core.tracker, core.log.last_index).change(change)
    except ChangeError as error:
        return str(error)
    return ""


def apply_change(core: Core, change: MembershipChange) -> Configuration:
    """Make an applied change effective. Raises `InvariantBroken` when it is impossible: it should never have been committed."""
    try:
        members, progress = Changer(core.tracker, core.log.last_index).change(change)
    except ChangeError as error:
        raise InvariantBroken(f"committed change of membership cannot be applied to {core.tracker.members}: {error}") from error
    return switch(core, members, progress)


def restore_configuration(core: Core, configuration: Configuration) -> None:
    """Take over a snapshot's configuration."""
    core.tracker.restore(configuration, core.log.last_index)
    restored = switch(core, core.tracker.members, core.tracker.progress)
    assert restored == _normal(configuration), f"restored {restored} from {configuration}"


def _normal(configuration: Configuration) -> Configuration:
    return Members.of(configuration).configuration()


def switch(core: Core, members: Members, progress: dict[int, Progress]) -> Configuration:
    """Install a configuration, and do what it asks of this member at once."""
    core.tracker.install(members, progress)
    core.tracer.info("%x switched to configuration %s", core.id, members)
    configuration = members.configuration()
    if core.role is not Role.LEADER:
        return configuration
    if core.id not in progress or core.is_learner():
        # Removed or demoted.
        if core.config.step_down_on_removal:
            core.become_follower(core.term, 0)
        if not core.config.hand_over_on_removal:
            return configuration
    for member in progress.values():
        member.promotion_announced = False
    if maybe_commit(core):
        # The quorum may have become smaller.
        reads.release_waiting(core)
        broadcast_append(core)
    else:
        # New members are probed at once, not with the next heartbeat.
        broadcast_append(core, if_empty=False)
    if core.transferee and core.transferee not in members.voters():
        transfer.abort(core)
    transfer.retire(core)
    return configuration
