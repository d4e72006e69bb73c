"""A driver whose device is this processor: the real kernels, thread by thread, on memory of the host; and what may go wrong with one."""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from quorate_node.gpu.device import DeviceFacts, DeviceLost, MemoryLimit
from quorate_node.gpu.library import source_hash


@dataclass
class Stream:
    """Work that is queued, in order; it runs when somebody asks whether it is done."""

    queue: list[Callable[[], None]] = field(default_factory=list)
    capturing: list[Callable[[], None]] | None = None


class EmulatedDriver:
    """`Driver` on the host. `hangs`: events never come. `lost`: every call fails. `memory_bytes`: what there is."""

    def __init__(self, library: ctypes.CDLL, memory_bytes: int = 1 << 30) -> None:
        self.library = library
        self.memory_bytes = memory_bytes
        self.hangs = False
        self.lost: str | None = None
        self.corrupt: Callable[[str], bool] = lambda kernel: True
        """Asked before each launch: False leaves the kernel out, as a device does that fails silently."""
        self.calls: list[str] = []
        self._held: dict[int, Any] = {}

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.lost:
            raise DeviceLost(self.lost)

    def facts(self) -> DeviceFacts:
        return DeviceFacts("emulated", "none", (9, 0), 1, self.memory_bytes, "none", "none", source_hash())

    def allocate(self, size: int) -> int:
        self._called("allocate")
        if size + sum(map(len, self._held.values())) > self.memory_bytes:
            raise MemoryLimit("device memory: full")
        memory = ctypes.create_string_buffer(b"\xaa" * size, size + 256)
        address = -(-ctypes.addressof(memory) // 256) * 256
        self._held[address] = memory
        return address

    def free(self, address: int) -> None:
        self._called("free")
        ctypes.memset(address, 0xEE, len(self._held[address]) - 256)
        del self._held[address]

    @property
    def held(self) -> int:
        """Pieces of memory that are not given back."""
        return len(self._held)

    def pinned(self, size: int) -> tuple[memoryview, int]:
        memory = (ctypes.c_char * max(size, 1))()
        return memoryview(memory).cast("B"), ctypes.addressof(memory)

    def stream(self) -> Stream:
        return Stream()

    def _queue(self, stream: Stream, work: Callable[[], None]) -> None:
        (stream.queue if stream.capturing is None else stream.capturing).append(work)

    def copy_in(self, stream: Stream, target: int, source: int, size: int) -> None:
        self._called("copy_in")
        assert stream.capturing is None and self._inside(target, size)
        self._queue(stream, lambda: ctypes.memmove(target, source, size) and None)

    def copy_out(self, stream: Stream, target: int, source: int, size: int) -> None:
        self._called("copy_out")
        assert self._inside(source, size)
        self._queue(stream, lambda: ctypes.memmove(target, source, size) and None)

    def fill(self, stream: Stream, target: int, value: int, size: int) -> None:
        self._called("fill")
        assert self._inside(target, size)
        self._queue(stream, lambda: ctypes.memset(target, value, size) and None)

    def _inside(self, address: int, size: int) -> bool:
        return any(begin <= address and address + size <= begin + len(memory) for begin, memory in self._held.items())

    def launch(self, stream: Stream, kernel: str, blocks: int, threads: int, argument: int) -> None:
        self._called(f"launch {kernel}")

        def work() -> None:
            if self.corrupt(kernel):
                assert self.library.quorate_launch(kernel.encode(), blocks, threads, argument) == 0, f"no kernel {kernel}"

        self._queue(stream, work)

    def capture(self, stream: Stream, work: Callable[[], None]) -> list[Callable[[], None]]:
        stream.capturing = graph = []
        work()
        stream.capturing = None
        return graph

    def replay(self, stream: Stream, graph: list[Callable[[], None]]) -> None:
        self._called("replay")
        for work in graph:
            self._queue(stream, work)

    def record(self, stream: Stream) -> Stream:
        return stream

    def timed(self, stream: Stream, work: Callable[[], None]) -> float:
        begun = time.perf_counter()
        work()
        while stream.queue:
            stream.queue.pop(0)()
        return time.perf_counter() - begun

    def done(self, event: Stream) -> bool:
        self._called("done")
        if self.hangs:
            return False
        while event.queue:
            event.queue.pop(0)()
        return True
