"""Sessions: a command retried under the same (session, seq) takes effect once, and is answered as it was the first time.

A client may pipeline: sequence numbers arrive in any order, up to `Rules.session_window` above its `acked_below`. An unknown session is
never executed. Like everything else a session expires by log time, through an entry.
"""

from __future__ import annotations

import heapq

import msgspec

from quorate.wire.commands import MAX_INT64, Command, SessionClose, SessionCreate, SessionExpire
from quorate.wire.results import DoneResult, Failure, Result, SessionResult
from quorate_node.machine.application_port import Pending
from quorate_node.machine.committed import Session
from quorate_node.machine.records import PAIR
from quorate_node.machine.stage import Stage

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Result).decode
_FROM_MACHINE, _FROM_APPLICATION = b"\x00", b"\x01"
_FORGOTTEN = "SessionSequenceForgotten"
_EVICTED_SHARE = 64
"""When the table is full, one in so many goes at once: finding them costs a look at all."""


def create(stage: Stage, request: SessionCreate) -> SessionResult:
    if stage.session_count >= stage.rules.sessions_max:
        _evict(stage, max(1, stage.rules.sessions_max // _EVICTED_SHARE))
    number = ((stage.index << 16) + stage.position + 1) & MAX_INT64
    while number == 0 or stage.session(number) is not None:
        number = (number + 1) & MAX_INT64
    stage.set_session(number, Session(request.ttl_ms, stage.log_time_ms + request.ttl_ms, 1, 0))
    return SessionResult(number)


def close(stage: Stage, request: SessionClose) -> DoneResult:
    """Closing an unknown session succeeds: the retry of a close finds nothing."""
    if stage.session(request.session) is not None:
        _remove(stage, request.session)
    return DoneResult(stage.revision)


def expire(stage: Stage, request: SessionExpire) -> DoneResult:
    for number in request.sessions:
        session = stage.session(number)
        if session is not None and session.deadline_ms <= stage.log_time_ms:
            _remove(stage, number)
    return DoneResult(stage.revision)


def admit(stage: Stage, command: Command) -> Result | Pending | None:
    """None: new, execute it and `keep` its reply. Else what to answer instead of executing it."""
    session = stage.session(command.session)
    if session is None:
        return Failure("SessionExpired", f"session {command.session} is unknown or has expired: create a new one", stage.revision)
    seq, acked_below = command.seq, max(command.acked_below, session.acked_below)
    if not 1 <= command.acked_below <= seq <= MAX_INT64:
        message = f"seq {seq} and acked_below {command.acked_below} must be 1 <= acked_below <= seq: count seq from 1"
        return Failure("InvalidArgument", message, stage.revision)
    window = stage.rules.session_window
    within = acked_below <= seq < acked_below + window
    if acked_below > session.acked_below:
        _prune(stage, command.session, session.acked_below, acked_below)
    seq_max = seq if within and seq > session.seq_max else session.seq_max
    stage.set_session(command.session, Session(session.ttl_ms, stage.log_time_ms + session.ttl_ms, acked_below, seq_max))
    if not within:
        return _outside(stage, command, acked_below)
    if seq <= session.seq_max and (reply := stage.reply(command.session, seq)) is not None:
        return _answer_again(stage, (command.session, seq), reply)
    return None


def _outside(stage: Stage, command: Command, acked_below: int) -> Failure:
    """The sequence number lies below or above the window."""
    seq, window = command.seq, stage.rules.session_window
    if seq < acked_below:
        message = f"seq {seq} of session {command.session} lies below acked_below {acked_below}: its reply was forgotten"
        return Failure(_FORGOTTEN, message, stage.revision)
    message = (
        f"seq {seq} of session {command.session} is {seq - acked_below} above acked_below {acked_below}, "
        f"the window is {window}: raise acked_below as replies arrive"
    )
    return Failure("TooManyRequests", message, stage.revision)


def keep(stage: Stage, command: Command, result: Result | Pending) -> None:
    """Remember the reply of a command that `admit` let through."""
    if stage.session(command.session) is None:
        return  # the command closed its own session
    if isinstance(result, Pending):
        stage.pending[command.session, command.seq] = result
        reply = _FROM_APPLICATION + PAIR.pack(stage.index, stage.position)
    else:
        reply = _FROM_MACHINE + _encode(result)
        if isinstance(result, Failure):
            # Without its text: a release may word it differently, and replies are state that all members share.
            reply = _FROM_MACHINE + _encode(Failure(result.error, "", result.revision))
        elif len(reply) > stage.rules.session_reply_bytes_max:
            reply = _FROM_MACHINE + _encode(Failure(_FORGOTTEN, "", stage.revision))
    stage.write_reply(command.session, command.seq, reply)


def _answer_again(stage: Stage, key: tuple[int, int], reply: bytes) -> Result | Pending:
    if reply[:1] == _FROM_MACHINE:
        result: Result = _decode(reply[1:])
        return _worded(result, key) if isinstance(result, Failure) else result
    waiting = stage.pending.get(key) or stage.committed.pending.get(key)
    if waiting is not None:
        return waiting if waiting.result is None else waiting.result
    index, position = PAIR.unpack_from(reply, 1)
    found = stage.committed.application.reply(index, position)
    if found is not None:
        return found
    message = f"seq {key[1]} of session {key[0]} took effect at index {index}, but the application keeps no reply of it any more"
    return Failure(_FORGOTTEN, message, stage.revision)


def _worded(failure: Failure, key: tuple[int, int]) -> Failure:
    session, seq = key
    if failure.error == _FORGOTTEN:
        message = f"seq {seq} of session {session} took effect, at revision {failure.revision} or before; its reply was too large to keep"
    else:
        message = (
            f"seq {seq} of session {session} was refused with {failure.error} when it was first applied, at revision {failure.revision}"
        )
    return Failure(failure.error, message, failure.revision)


def _prune(stage: Stage, number: int, low: int, high: int) -> None:
    """Forget the replies [low, high); none was kept from `low` + window on."""
    for seq in range(low, min(high, low + stage.rules.session_window)):
        stage.forget_reply(number, seq)


def _remove(stage: Stage, number: int) -> None:
    session = stage.session(number)
    assert session is not None, "only a session that is there is removed"
    top = min(session.seq_max + 1, session.acked_below + stage.rules.session_window)
    _prune(stage, number, session.acked_below, top)
    stage.set_session(number, None)


def _evict(stage: Stage, count: int) -> None:
    """Make room by ending the sessions that would expire first; ties by id, so equally on every member."""
    merged = {number: session.deadline_ms for number, session in stage.committed.sessions.items()}
    for number, session in stage.sessions.items():
        if session is None:
            merged.pop(number, None)
        else:
            merged[number] = session.deadline_ms
    for _, number in heapq.nsmallest(count, ((deadline_ms, number) for number, deadline_ms in merged.items())):
        _remove(stage, number)
