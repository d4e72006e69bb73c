"""Commands that came together, wait together and are answered together: what is done a parcel is not done a command."""

from __future__ import annotations

from collections.abc import Sequence

from quorate.wire.commands import Command
from quorate.wire.results import Result
from quorate_node.machine.application_port import Pending as PendingResult
from quorate_node.replica.service import Asker, Done, ServiceError

COMMAND_OVERHEAD_BYTES = 32
"""Of a command in an entry, beside its payload."""


class Single:
    """One who asked one thing."""

    __slots__ = ("_done",)

    def __init__(self, done: Done) -> None:
        self._done = done

    def answered(self, offset: int, results: Sequence[Result | PendingResult]) -> None:
        result = results[0]
        if isinstance(result, PendingResult):
            result.set_callback(self._done)  # The application's machine answers later, in its own process.
        else:
            self._done(result)

    def failed(self, offset: int, count: int, error: ServiceError) -> None:
        self._done(error)


class Parcel:
    """`commands[i]` is the asker's number `offset` + i: a parcel that fits no entry whole travels in several.

    `deadline_s` is loop time. `size_bytes` bounds what its commands take in an entry. A membership change has no command, and one answer.
    """

    __slots__ = ("asker", "commands", "count", "deadline_s", "offset", "size_bytes")

    def __init__(self, commands: list[Command], asker: Asker, offset: int, deadline_s: float, size_bytes: int) -> None:
        self.commands = commands
        self.count = len(commands) or 1
        self.asker = asker
        self.offset = offset
        self.deadline_s = deadline_s
        self.size_bytes = size_bytes

    @classmethod
    def of(cls, commands: list[Command], asker: Asker, deadline_s: float, offset: int = 0) -> Parcel:
        return cls(commands, asker, offset, deadline_s, sum([command_bytes(command) for command in commands]))

    @classmethod
    def single(cls, command: Command, done: Done, deadline_s: float) -> Parcel:
        return cls([command], Single(done), 0, deadline_s, command_bytes(command))

    @classmethod
    def without_command(cls, done: Done, deadline_s: float) -> Parcel:
        return cls([], Single(done), 0, deadline_s, 0)

    def fail(self, error: ServiceError) -> None:
        self.asker.failed(self.offset, self.count, error)

    def split(self, count_max: int, size_bytes_max: int) -> tuple[Parcel | None, Parcel | None]:
        """(what fits, the rest); either may be None."""
        count = size_bytes = 0
        for command in self.commands:
            size = command_bytes(command)
            if count == count_max or size_bytes + size > size_bytes_max:
                break
            count += 1
            size_bytes += size
        if not count:
            return None, self
        if count == len(self.commands):
            return self, None
        rest_bytes = self.size_bytes - size_bytes
        return (
            Parcel(self.commands[:count], self.asker, self.offset, self.deadline_s, size_bytes),
            Parcel(self.commands[count:], self.asker, self.offset + count, self.deadline_s, rest_bytes),
        )


def command_bytes(command: Command) -> int:
    return memoryview(command.payload).nbytes + COMMAND_OVERHEAD_BYTES
