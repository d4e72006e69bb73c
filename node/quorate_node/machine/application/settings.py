"""Every bound and time of the application host, by name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApplicationSettings:
    """Settings `application.*`. `machine` is `module:Class`; the rest are bounds, all positive."""

    machine: str
    search_path: str = ""
    """Directories (separated by `:`) in which the module is looked for first."""
    payload_bytes_max: int = 1536 * 1024
    """A command's payload; `check` refuses more before it is proposed."""
    result_bytes_max: int = 1536 * 1024
    """A larger result is kept from its proposer, with an error; the command was applied all the same."""
    batch_commands: int = 256
    batch_bytes: int = 256 * 1024
    """One message to the process; a larger single command goes alone."""
    in_flight_commands: int = 1024
    in_flight_bytes: int = 4 * 1024 * 1024
    """Sent to the process and not answered yet."""
    queue_commands: int = 16_384
    queue_bytes: int = 64 * 1024 * 1024
    """Waiting in memory to be sent; beyond it they are read from the log again, so a slow process costs no memory."""
    backlog_commands: int = 8_192
    """Committed and not answered: over it this member proposes no more commands (`TooManyRequests`)."""
    results_waited: int = 65_536
    """Proposers that wait for a result."""
    replies_kept: int = 65_536
    replies_bytes: int = 32 * 1024 * 1024
    """Results kept for a session's retries."""
    snapshot_commands: int = 100_000
    snapshot_bytes: int = 256 * 1024 * 1024
    """A snapshot is taken after so many commands or payload bytes, whichever comes first."""
    log_entries_kept_max: int = 5_000_000
    """The log is kept for the process up to so many entries; if it lags more, it needs another member's snapshot."""
    slow_command_s: float = 1.0
    """A message to the process that takes longer is counted as slow."""
    command_timeout_s: float = 60.0
    """For one command. A process that answers nothing for longer hangs: it is killed, and started again like one that died."""
    state_timeout_s: float = 600.0
    """As long for its state: to give the first bytes of a snapshot and each further piece, or to restore one whole."""
    start_timeout_s: float = 60.0
    """For the import of the module and the making of the class."""
    stop_timeout_s: float = 10.0
    """For the last snapshot when the member stops; then the process is killed."""
    restart_wait_s: float = 0.1
    restart_wait_s_max: float = 30.0
    """Wait before the process is started again: doubled each time, up to the second."""
    restart_forgotten_s: float = 60.0
    """A process that ran so long has its waits counted from the start again."""
    memory_bytes_max: int = 0
    """Address space of the process (RLIMIT_AS); 0 sets no limit."""

    def __post_init__(self) -> None:
        module, separator, name = self.machine.partition(":")
        if not (module and separator and name.isidentifier()):
            raise ValueError(f"application.machine is {self.machine!r}: give the class as module:Class, such as counter:Counter")
        for field, value in vars(self).items():
            if isinstance(value, int | float) and value <= 0 and field != "memory_bytes_max":
                raise ValueError(f"application.{field} is {value}: give a positive number")
        if self.memory_bytes_max < 0:
            raise ValueError(f"application.memory_bytes_max is {self.memory_bytes_max}: give 0 (no limit) or a number of bytes")
