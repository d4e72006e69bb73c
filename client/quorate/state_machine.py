"""Your own replicated state machine: subclass `StateMachine`, name it as `module:Class`, and every member runs it.

    class Counter(StateMachine):
        name, version = "counter", 1

        def __init__(self) -> None:
            self.total = 0

        def apply(self, index: int, payload: bytes) -> bytes:
            step = int(payload)
            if self.total + step > 100:
                raise Rejected("the counter stops at 100")
            self.total += step
            return str(self.total).encode()

        def snapshot(self) -> Iterable[bytes]:
            return [str(self.total).encode()]

        def restore(self, chunks: Iterable[bytes]) -> None:
            self.total = int(b"".join(chunks))

**Every member must come to the same state.** All members apply the same payloads in the same order, each in a process of its own,
some of them again after a crash. So what `apply` returns, and what it does to `self`, may depend only on `self`, `index`,
`self.log_time_ms` and `payload`:

* no clock: use `self.log_time_ms`, the time that the cluster agreed on for this command, in milliseconds, never decreasing;
* no randomness, no `uuid4`, no `id()`; a generator seeded from `index` is fine;
* no network, no files, no environment, no threads that touch `self`: a command is applied again after a crash, and effects outside
  `self` would happen again, at each member;
* no order that Python does not promise: sort what you take out of a set. (String hashes are the same on all members: the process is
  started with `PYTHONHASHSEED=0`.)
* floats only where the same machine type runs every member.

If `apply` raises anything but `Rejected`, this member's state machine stops at that command and says so in the member's status: a
command is never skipped, for then the members' states would differ. Fix the class, give it a new version, and restart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import ClassVar


class Rejected(Exception):
    """Raise it from `apply` to refuse a command: a result that the proposer gets, not a failure. Change nothing before you raise it.

    `reason` goes to the proposer as it is (text as UTF-8). Whether a command is rejected must be as deterministic as its result.
    """

    def __init__(self, reason: bytes | str = b"") -> None:
        super().__init__(reason)
        self.reason = reason.encode() if isinstance(reason, str) else bytes(reason)


class StateMachine(ABC):
    """A deterministic state machine. Made without arguments, used by one thread, first given to `restore` if there is a snapshot."""

    name: ClassVar[str]
    """Which machine this is. Replicated: a member whose class has another name stops its state machine and says so."""

    version: ClassVar[int]
    """Raise it whenever `apply` would give another result or state for the same command. Replicated like `name`; from 1."""

    log_time_ms: int = 0
    """Set before each `apply`: the command's time in Unix milliseconds as the cluster agreed on it; it never decreases."""

    @abstractmethod
    def apply(self, index: int, payload: bytes) -> bytes:
        """Apply one command and return its result (may be empty). `index` is its place in the log.

        Indexes rise, with gaps; several commands of one batch share an index and come in their order. Raise `Rejected` to refuse.
        """

    @abstractmethod
    def snapshot(self) -> Iterable[bytes]:
        """The whole state as pieces of any size, from which `restore` can make it again. Commands wait until the last piece is taken.

        Put a format number into it: a later version of your class restores what this one wrote.
        """

    @abstractmethod
    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the whole state by that of a snapshot. The pieces may be cut in other places than `snapshot` cut them."""
