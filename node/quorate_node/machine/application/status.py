"""What the host says of itself: for the member's status, its alarms and its metrics."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class ApplicationState(StrEnum):
    STARTING = "starting"
    """The process is being started, or its snapshot restored."""
    RUNNING = "running"
    RESTARTING = "restarting"
    """The process died; it is started again after a wait."""
    FAILED = "failed"
    """Stopped at a command until the member is restarted with another class, or takes another member's snapshot."""
    STOPPED = "stopped"


class ApplicationStatus(msgspec.Struct, frozen=True):
    state: ApplicationState
    message: str
    """Why it does not run; empty when it does."""
    name: str
    version: int
    """Of the class that this member runs; empty and 0 before its first start."""
    registered_name: str
    registered_version: int
    """What the log demands; empty and 0 before a registration."""
    applied_index: int
    snapshot_index: int
    """Of the newest durable snapshot; 0: none."""
    backlog_commands: int
    """Submitted and not answered, as far as they were counted in this process."""
    behind: bool
    """It does not keep up and is served from the log."""
    pid: int
    restarts: int
    overflows: int
    """Times that the queue was full and dropped."""
    slow_messages: int
    commands: int
    rejected: int
    snapshots: int
    snapshot_failures: int
