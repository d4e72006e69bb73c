"""The protocol's own log lines, for tests and debugging. The texts are those of etcd's golden traces, which compare them."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any

from quorate_node.protocol.message import MessageType


class TraceLevel(IntEnum):
    DEBUG = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


Trace = Callable[[TraceLevel, str], None]

TRACE_NAMES: dict[int, str] = {
    MessageType.APPEND: "MsgApp",
    MessageType.APPEND_RESPONSE: "MsgAppResp",
    MessageType.VOTE: "MsgVote",
    MessageType.VOTE_RESPONSE: "MsgVoteResp",
    MessageType.PRE_VOTE: "MsgPreVote",
    MessageType.PRE_VOTE_RESPONSE: "MsgPreVoteResp",
    MessageType.HEARTBEAT: "MsgHeartbeat",
    MessageType.HEARTBEAT_RESPONSE: "MsgHeartbeatResp",
    MessageType.SNAPSHOT: "MsgSnap",
    MessageType.TIMEOUT_NOW: "MsgTimeoutNow",
    MessageType.READ_INDEX: "MsgReadIndex",
    MessageType.READ_INDEX_RESPONSE: "MsgReadIndexResp",
    MessageType.TRANSFER_LEADER: "MsgTransferLeader",
    MessageType.PROPOSE: "MsgProp",
    MessageType.SNAPSHOT_STATUS: "MsgSnapStatus",
    MessageType.UNREACHABLE: "MsgUnreachable",
    MessageType.FORGET_LEADER: "MsgForgetLeader",
}


class Tracer:
    """Formats only when somebody listens: on the hot path a silent line costs one call."""

    __slots__ = ("_trace",)

    def __init__(self, trace: Trace | None) -> None:
        self._trace = trace

    @property
    def listens(self) -> bool:
        """Whether it is worth while to work out what only a line shows."""
        return self._trace is not None

    def _say(self, level: TraceLevel, text: str, values: tuple[Any, ...]) -> None:
        if self._trace is not None:
            self._trace(level, text % values)

    def debug(self, text: str, *values: object) -> None:
        self._say(TraceLevel.DEBUG, text, values)

    def info(self, text: str, *values: object) -> None:
        self._say(TraceLevel.INFO, text, values)

    def warning(self, text: str, *values: object) -> None:
        self._say(TraceLevel.WARNING, text, values)

    def error(self, text: str, *values: object) -> None:
        self._say(TraceLevel.ERROR, text, values)
