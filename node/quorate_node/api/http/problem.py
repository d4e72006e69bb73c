"""What the API refuses with: an error of the table, a message that says what to do, and the JSON form of both."""

from __future__ import annotations

import msgspec

from quorate.wire.errors import ERRORS

RETRY_AFTER_S = 1
"""Answers 429 and 503 carry it: long enough for an election or for a queue to empty, short enough not to be missed."""

MESSAGE_CHARACTERS_MAX = 500
"""Longer messages are cut: what a client sent comes back in some, and an error is not to be larger than its request."""

_STATUS_WITH_RETRY = frozenset({429, 503})


class Problem(Exception):
    """A request that is refused by the API itself. `error` is a name of `quorate.wire.errors.ERRORS`."""

    def __init__(self, error: str, message: str) -> None:
        assert error in ERRORS, error
        super().__init__(message)
        self.error = error
        self.message = message


class LeaderBody(msgspec.Struct):
    member_id: str
    client_url: str


class ErrorBody(msgspec.Struct):
    """Every error answer (docs/api.md)."""

    error: str
    code: int
    message: str
    leader: LeaderBody | None
    request_id: str


_encoder = msgspec.json.Encoder()


def error_body(error: str, message: str, leader: tuple[int, str], request_id: str) -> tuple[int, bytes]:
    """(HTTP status, JSON) of an error. An error that the table lacks is answered as `Internal`, with its name in the message."""
    kind = ERRORS.get(error)
    if kind is None:
        message = f"{error}: {message}"
        error = "Internal"
        kind = ERRORS[error]
    message = bounded(message)
    leader_body = LeaderBody(str(leader[0]), leader[1]) if leader[0] else None
    return kind.status, _encoder.encode(ErrorBody(error, kind.code, message, leader_body, request_id))


def bounded(message: str) -> str:
    return message if len(message) <= MESSAGE_CHARACTERS_MAX else message[: MESSAGE_CHARACTERS_MAX - 3] + "..."


def wants_retry_after(status: int) -> bool:
    return status in _STATUS_WITH_RETRY
