"""What of the client a connection waits for."""

from __future__ import annotations

from enum import IntEnum


class Waiting(IntEnum):
    """What of the client the connection waits for; each has a timeout."""

    REQUEST = 0
    HEAD = 1
    BODY = 2
    CLOSE = 3
    """The last answer is on its way; what still arrives is thrown away, so that closing does not reset what the client must read."""
