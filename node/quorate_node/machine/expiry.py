"""What the leader proposes because log time has passed a deadline. Deciding stays with apply (`leases.expire`, `sessions.expire`)."""

from __future__ import annotations

import msgspec

from quorate.wire.commands import Command, CommandKind, LeaseExpire, SessionExpire
from quorate_node.machine.committed import Committed
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.rules import COMMAND_VERSION

_encode = msgspec.msgpack.Encoder().encode


def expiry_commands(committed: Committed, log_time_ms: int, limits: MachineLimits) -> list[Command]:
    """At most one command for leases and one for sessions, each with at most `expire_batch_max` ids."""
    commands = []
    count_max, again_ms = limits.expire_batch_max, limits.expire_retry_ms

    def lease_deadline(number: int) -> int | None:
        lease = committed.leases.get(number)
        return None if lease is None else lease.deadline_ms

    def session_deadline(number: int) -> int | None:
        session = committed.sessions.get(number)
        return None if session is None else session.deadline_ms

    leases = committed.lease_deadlines.due(log_time_ms, lease_deadline, count_max, again_ms)
    if leases:
        commands.append(_command(CommandKind.LEASE_EXPIRE, LeaseExpire(tuple(leases))))
    sessions = committed.session_deadlines.due(log_time_ms, session_deadline, count_max, again_ms)
    if sessions:
        commands.append(_command(CommandKind.SESSION_EXPIRE, SessionExpire(tuple(sessions))))
    return commands


def _command(kind: CommandKind, request: LeaseExpire | SessionExpire) -> Command:
    return Command(int(kind), COMMAND_VERSION, 0, 0, 0, "", 0, msgspec.Raw(_encode(request)))
