"""Settings of a client: every limit has a name and a default here."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Literal, NamedTuple

from quorate.backoff import Backoff

Consistency = Literal["linearizable", "lease", "stale"]
CONSISTENCY_NUMBERS: dict[str, int] = {"linearizable": 0, "lease": 1, "stale": 2}


class Tls(NamedTuple):
    """Files in PEM. `ca` alone checks the members; `certificate` and `key` together also prove who we are (mTLS)."""

    ca: str | Path | None = None
    certificate: str | Path | None = None
    key: str | Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises `ValueError` when only one of certificate and key is given, or a file holds none; `OSError` on unreadable files."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("tls: certificate and key belong together: give both, or neither")
        try:
            context = ssl.create_default_context(cafile=None if self.ca is None else str(self.ca))
        except ssl.SSLError as wrong:
            raise ValueError(f"tls: {self.ca} holds no certificate of an authority in PEM ({wrong.reason})") from wrong
        if self.certificate is not None and self.key is not None:
            try:
                context.load_cert_chain(str(self.certificate), str(self.key))
            except ssl.SSLError as wrong:
                files = f"{self.certificate} and {self.key}"
                raise ValueError(f"tls: {files} are no certificate and its key in PEM ({wrong.reason})") from wrong
        return context


class Options(NamedTuple):
    timeout_s: float = 10.0
    """Deadline of one call, retries included."""
    consistency: Consistency = "linearizable"
    sessions: bool = True
    """Writes carry a session, so that a retry after a lost answer takes effect once."""
    session_ttl_ms: int = 60_000
    session_window_max: int = 1024
    """Writes between the oldest unanswered and the newest; members keep that many replies of a session."""
    inflight_max: int = 1024
    """Requests of this client that are under way at once; further callers wait."""
    waiting_max: int = 10_000
    """Callers that may wait for their turn; one more gets `TooManyPending`."""
    connect_timeout_s: float = 2.0
    hedge_s: float = 0.25
    """A member that has not taken the connection by then gets a rival: the first of both is used. Plain HTTP calls go on to the next
    member, and come back with all of `connect_timeout_s` when every one was tried."""
    heartbeat_s: float = 1.5
    """A member that does not answer a ping for half of this after this much silence is given up."""
    leader_check_s: float = 5.0
    """How often, while in use, the client asks whether another member leads now."""
    prefer_leader: bool = True
    message_bytes_max: int = 64 * 1024 * 1024
    """Largest message taken from a member."""
    backoff: Backoff = Backoff()

    def check(self) -> None:
        """Raises `ValueError` naming the option, its value and the bound."""
        if self.consistency not in CONSISTENCY_NUMBERS:
            raise ValueError(f"consistency: {self.consistency!r} is not one of {', '.join(CONSISTENCY_NUMBERS)}")
        for name in ("timeout_s", "connect_timeout_s", "hedge_s", "heartbeat_s", "leader_check_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: {getattr(self, name)!r} must be more than 0 seconds")
        for name in ("session_window_max", "inflight_max", "message_bytes_max"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)!r} must be at least 1")
        if self.waiting_max < 0:
            raise ValueError(f"waiting_max: {self.waiting_max!r} must not be negative")
        if self.session_ttl_ms < 1000:
            raise ValueError(f"session_ttl_ms: {self.session_ttl_ms!r} must be at least 1000: a retry must find its session")
