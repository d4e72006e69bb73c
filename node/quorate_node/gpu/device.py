"""What the engine asks of a device, and what a driver offers it. CuPy is one driver; the tests have one that runs kernels on the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.outcome import Outcome
from quorate_node.gpu.records import SignatureBatch, VoteBatch


class DeviceLost(Exception):
    """The device is gone, broken, or answers no more: nothing may be asked of it until the process is started again."""


class MemoryLimit(Exception):
    """A batch or a set needs more device memory than may be taken. The device is well; this work is the processor's."""


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What is told about a device. None: it does not say (a MIG slice has no utilization, say); never zero instead."""

    name: str
    uuid: str
    compute_capability: tuple[int, int]
    multiprocessors: int
    memory_bytes: int
    driver_version: str
    runtime_version: str
    build: str
    """Hash of the kernels' sources."""
    mig_profile: str | None = None


class Driver(Protocol):
    """Memory, streams and kernels of one device. Every call may raise `DeviceLost`, and may hang: only workers' threads call it."""

    def facts(self) -> DeviceFacts:
        """Of the device that this drives."""
        ...

    def allocate(self, size: int) -> int:
        """Device memory; its address. Raises `MemoryLimit`."""
        ...

    def free(self, address: int) -> None:
        """Give memory back."""
        ...

    def pinned(self, size: int) -> tuple[memoryview, int]:
        """Host memory that the device copies from and to by itself, and its address. It lives as long as the view."""
        ...

    def stream(self) -> Any:
        """A queue of copies and kernels."""
        ...

    def copy_in(self, stream: Any, target: int, source: int, size: int) -> None:
        """Host (pinned) to device."""
        ...

    def copy_out(self, stream: Any, target: int, source: int, size: int) -> None:
        """Device to host (pinned)."""
        ...

    def fill(self, stream: Any, target: int, value: int, size: int) -> None:
        """Set bytes of device memory."""
        ...

    def launch(self, stream: Any, kernel: str, blocks: int, threads: int, argument: int) -> None:
        """A kernel, whose one argument is an address."""
        ...

    def capture(self, stream: Any, work: Callable[[], None]) -> Any:
        """The launches that `work` makes on `stream`, as a graph; they are not run."""
        ...

    def replay(self, stream: Any, graph: Any) -> None:
        """Launch a graph."""
        ...

    def record(self, stream: Any) -> Any:
        """An event at the end of what is queued."""
        ...

    def done(self, event: Any) -> bool:
        """Whether it has come. Never waits."""
        ...


class Device(Protocol):
    """A device that verifies batches on its own while the caller waits: start, poll, take."""

    def facts(self) -> DeviceFacts:
        """Of the device."""
        ...

    def new_batch(self, epoch: int, capacity: int) -> VoteBatch:
        """A batch whose records lie where the device copies from."""
        ...

    def admit(self, members: ValidatorSet) -> None:
        """Make a set's tables on the device. Raises `MemoryLimit`."""
        ...

    def start_votes(self, members: ValidatorSet, batch: VoteBatch) -> Any:
        """Begin; what to poll. Raises `MemoryLimit`."""
        ...

    def start_signatures(self, batch: SignatureBatch) -> Any:
        """Begin; what to poll. Raises `MemoryLimit`."""
        ...

    def done(self, running: Any) -> bool:
        """Whether it is finished. Never waits."""
        ...

    def take(self, running: Any) -> Outcome:
        """The outcome of what is done; its memory is used again after."""
        ...
