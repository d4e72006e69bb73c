"""Bounds of the client of the API server, with their reasons."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiServerSettings:
    """None is set by hand: they bound what a broken or hostile server can cost a member."""

    connect_timeout_s: float = 3.0
    request_timeout_s: float = 10.0
    watch_timeout_s: float = 300.0
    """The API server ends a watch after this, less up to a fifth by chance so that members do not come back in step."""
    watch_idle_timeout_s: float = 90.0
    """Bookmarks come about once a minute: a watch that says less is dead."""
    keepalive_s: int = 10
    """A connection whose other end vanished is given up after about three times this."""
    body_bytes_max: int = 4 << 20
    line_bytes_max: int = 2 << 20
    """An object of etcd has at most 1.5 MiB."""
    page_objects: int = 250
    objects_max: int = 1_000
    backoff_base_s: float = 0.1
    backoff_max_s: float = 10.0
    """Of the waits between tries, drawn with full jitter."""
    settled_s: float = 5.0
    """A watch that lived so long was a success: the next failure begins with the shortest wait again."""
    retry_after_max_s: float = 60.0
