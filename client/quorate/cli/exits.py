"""Exit codes, and what to do about an error, in one line."""

from __future__ import annotations

import json
from enum import IntEnum

from quorate import exceptions as errors


class Exit(IntEnum):
    """What a program may conclude from the exit code (docs/cli.md has the same table)."""

    OK = 0
    ERROR = 1
    """The cluster answered with an error, or a local file could not be used."""
    USAGE = 2
    UNREACHABLE = 3
    """No member could be reached, or none leads."""
    NOT_FOUND = 4
    COMPARE_FAILED = 5
    """The transaction took its else branch."""
    LOCK_LOST = 6
    OUTCOME_UNKNOWN = 7
    """A write may or may not have taken effect."""
    TIMEOUT = 8
    """Waited as long as was allowed: for a lock, an election, an answer."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141
    TERMINATED = 143


_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (errors.OutcomeUnknown, Exit.OUTCOME_UNKNOWN),
    (errors.Missing, Exit.NOT_FOUND),
    (errors.LockLost, Exit.LOCK_LOST),
    (errors.LeaseLost, Exit.LOCK_LOST),
    (errors.Unreachable, Exit.UNREACHABLE),
    (errors.Unavailable, Exit.UNREACHABLE),
    (errors.DeadlineExceeded, Exit.TIMEOUT),
    (TimeoutError, Exit.TIMEOUT),
)

_REMEDIES: tuple[tuple[type[BaseException], str], ...] = (
    (errors.SessionExpired, "run the command again"),
    (errors.OutcomeUnknown, "read the key before you write it again"),
    (errors.Unreachable, "check --endpoints (or QUORATE_ENDPOINTS) and that a member runs there; `quorate status` shows each"),
    (errors.NoLeader, "check that a majority of the members runs: `quorate status`"),
    (errors.NotLeader, "ask the leader that the message names, or leave out what pins the member"),
    (errors.Unavailable, "try again, or with a longer --timeout"),
    (errors.DeadlineExceeded, "try again, or with a longer --timeout"),
    (errors.KeyNotFound, "list what is there: `quorate get --prefix --keys-only PREFIX`"),
    (errors.LeaseNotFound, "list the leases: `quorate lease list`"),
    (errors.MemberNotFound, "list the members: `quorate members list`"),
    (errors.MemberNotReady, "wait until it has caught up: `quorate members list` shows its lag"),
    (errors.MembershipChangePending, "try again when the change under way is done"),
    (errors.ConfigurationChanged, "look at `quorate members list`, and decide again"),
    (errors.QuorumWouldBeLost, "bring members back, or add one, first"),
    (errors.Compacted, "use a newer revision, or none"),
    (errors.FutureRevision, "use a revision that exists: `quorate status` shows the newest"),
    (errors.NoSpace, "free disk space on the members; reads go on"),
    (errors.AlreadyBootstrapped, "restore into a member with an empty data directory, with a token of its own"),
    (errors.SnapshotDamaged, "take the snapshot again"),
    (errors.Denied, "check --tls-cert and --tls-key, and the role of that identity"),
    (errors.MalformedAnswer, "check that --endpoints names members of a supported release"),
)


KNOWN = (errors.QuorateError, OSError, TimeoutError)
"""Told in one line; anything else is a bug."""


def exit_code(error: BaseException) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.ERROR)


def remedy(error: BaseException) -> str:
    """What to do, or an empty string when the message itself says it."""
    return next((text for kind, text in _REMEDIES if isinstance(error, kind)), "")


def one_line(error: BaseException, as_json: bool) -> str:
    """The line for stderr. As JSON: error, message, remedy, retryable, outcome_unknown, leader, request_id."""
    known = error if isinstance(error, errors.QuorateError) else None
    message = " ".join((str(error) or type(error).__name__).split())
    name = getattr(error, "name", "") or type(error).__name__ if known is not None else type(error).__name__
    if not as_json:
        advice = remedy(error)
        leader = f" [leader: {known.leader.client_url}]" if known is not None and known.leader and known.leader.client_url else ""
        return f"quorate: {name}: {message}{leader}" + (f"; {advice}" if advice and advice not in message else "")
    leader_json = None
    if known is not None and known.leader is not None:
        leader_json = {"member_id": str(known.leader.member_id), "client_url": known.leader.client_url}
    return error_json(
        name,
        message,
        remedy(error),
        int(exit_code(error)),
        retryable=known.retryable if known is not None else False,
        outcome_unknown=known.outcome_unknown if known is not None else False,
        leader=leader_json,
        request_id=known.request_id if known is not None else "",
    )


def usage_json(message: str, remedy: str, exit_code: int) -> str:
    """Something that cannot be asked for like this, for programs."""
    return error_json("Usage", message, remedy, exit_code)


def error_json(
    error: str,
    message: str,
    remedy: str,
    exit_code: int,
    *,
    retryable: bool = False,
    outcome_unknown: bool = False,
    leader: dict[str, str] | None = None,
    request_id: str = "",
) -> str:
    """The object that stands on stderr with `-o json`: always the same fields."""
    line = {
        "error": error,
        "message": message,
        "remedy": remedy,
        "exit_code": exit_code,
        "retryable": retryable,
        "outcome_unknown": outcome_unknown,
        "leader": leader,
        "request_id": request_id,
    }
    return json.dumps(line, ensure_ascii=False)
