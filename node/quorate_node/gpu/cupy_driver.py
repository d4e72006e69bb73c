"""`Driver` over CuPy. CuPy is imported here alone, and only when a driver is made: a node without a GPU never loads it.

Thin on purpose: what it calls is CUDA's runtime API under its own names, and everything that can be decided without a device is in `cuda`,
where the tests run it over an emulated driver. Every error of CUDA is a `DeviceLost`, but for memory that is not there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from quorate_node.gpu import nvrtc
from quorate_node.gpu.device import DeviceFacts, DeviceLost, MemoryLimit
from quorate_node.gpu.jobs import KERNELS
from quorate_node.gpu.library import NoLibrary, source_hash

_HOST_TO_DEVICE: Final = 1
_DEVICE_TO_HOST: Final = 2
_SUCCESS: Final = 0
_NOT_READY: Final = 600


class NoDevice(Exception):
    """There is no GPU that can be used here; the message says why."""


class CupyDriver:
    """One device. Raises `NoDevice` when it is made where CuPy, a driver or a device is missing, or the kernels do not compile."""

    def __init__(self, ordinal: int = 0) -> None:
        try:
            import cupy  # type: ignore[import-not-found,import-untyped,unused-ignore]
            import numpy as np
        except ImportError as error:
            raise NoDevice(f"CuPy is not installed ({error}): install the extra gpu") from error
        if not cupy.cuda.is_available():
            raise NoDevice("CUDA sees no device: is a driver installed, and a GPU given to this container?")
        self._cupy, self._numpy, self._ordinal = cupy, np, ordinal
        runtime = cupy.cuda.runtime
        if ordinal >= runtime.getDeviceCount():
            raise NoDevice(f"device {ordinal}: there are {runtime.getDeviceCount()}")
        self._runtime = runtime
        self._properties = runtime.getDeviceProperties(ordinal)
        self._memory: dict[int, Any] = {}
        self._kernels: dict[str, Any] = {}
        with self._on_device():
            self._module = self._loaded()
            for name in KERNELS:
                # Its attributes make CuPy load it: one that is loaded while a graph is captured would break the capture.
                assert self.kernel(name).attributes["local_size_bytes"] == 0, f"{name} has local memory"

    @contextmanager
    def _on_device(self) -> Iterator[None]:
        """The device is current in this thread; CUDA's errors become ours."""
        cupy = self._cupy
        try:
            with cupy.cuda.Device(self._ordinal):
                yield
        except cupy.cuda.memory.OutOfMemoryError as error:
            raise MemoryLimit(f"device memory: {error}") from error
        except (cupy.cuda.runtime.CUDARuntimeError, cupy.cuda.driver.CUDADriverError) as error:
            if "MemoryAllocation" in str(error) or "OUT_OF_MEMORY" in str(error):
                raise MemoryLimit(f"device memory: {error}") from error
            raise DeviceLost(str(error)) from error

    def _loaded(self) -> Any:
        """The kernels: QUORATE_CUBIN names a file that was built ahead, else NVRTC makes one, which is kept (a minute, once)."""
        ahead = os.environ.get("QUORATE_CUBIN")
        if ahead:
            return self._cupy.RawModule(path=ahead)
        architecture = f"sm_{self._properties['major']}{self._properties['minor']}"
        try:
            return self._cupy.RawModule(path=str(nvrtc.cached(architecture, os.environ)))
        except (nvrtc.NoCompiler, nvrtc.KernelsRefused, NoLibrary) as error:
            raise NoDevice(f"the kernels cannot be compiled: {error}") from error

    def facts(self) -> DeviceFacts:
        properties, runtime = self._properties, self._runtime
        return DeviceFacts(
            name=properties["name"].decode(),
            uuid=bytes(properties["uuid"]).hex() if isinstance(properties.get("uuid"), bytes) else "",
            compute_capability=(properties["major"], properties["minor"]),
            multiprocessors=properties["multiProcessorCount"],
            memory_bytes=properties["totalGlobalMem"],
            driver_version=str(runtime.driverGetVersion()),
            runtime_version=str(runtime.runtimeGetVersion()),
            build=source_hash(),
        )

    def allocate(self, size: int) -> int:
        with self._on_device():
            memory = self._cupy.cuda.alloc(size)
            self._memory[memory.ptr] = memory
            return int(memory.ptr)

    def free(self, address: int) -> None:
        with self._on_device():
            # The pool gives it to whoever asks next, on whatever stream: nothing may be reading it any more.
            self._runtime.deviceSynchronize()
            del self._memory[address]

    def pinned(self, size: int) -> tuple[memoryview, int]:
        with self._on_device():
            memory = self._cupy.cuda.alloc_pinned_memory(max(size, 1))
            array: Any = self._numpy.frombuffer(memory, self._numpy.uint8, max(size, 1))
            return memoryview(array), int(memory.ptr)

    def stream(self) -> Any:
        with self._on_device():
            return self._cupy.cuda.Stream(non_blocking=True)

    def copy_in(self, stream: Any, target: int, source: int, size: int) -> None:
        if size:
            with self._on_device():
                self._runtime.memcpyAsync(target, source, size, _HOST_TO_DEVICE, stream.ptr)

    def copy_out(self, stream: Any, target: int, source: int, size: int) -> None:
        if size:
            with self._on_device():
                self._runtime.memcpyAsync(target, source, size, _DEVICE_TO_HOST, stream.ptr)

    def fill(self, stream: Any, target: int, value: int, size: int) -> None:
        if size:
            with self._on_device():
                self._runtime.memsetAsync(target, value, size, stream.ptr)

    def kernel(self, name: str) -> Any:
        """A kernel, whose `attributes` tell its registers and local bytes."""
        if name not in self._kernels:
            self._kernels[name] = self._module.get_function(name)
        return self._kernels[name]

    def launch(self, stream: Any, kernel: str, blocks: int, threads: int, argument: int) -> None:
        with self._on_device(), stream:
            self.kernel(kernel)((blocks,), (threads,), (self._numpy.uint64(argument),))

    def capture(self, stream: Any, work: Callable[[], None]) -> Any:
        with self._on_device(), stream:
            stream.begin_capture()
            try:
                work()
            finally:
                graph = stream.end_capture()
            return graph

    def replay(self, stream: Any, graph: Any) -> None:
        with self._on_device():
            graph.launch(stream)

    def record(self, stream: Any) -> Any:
        with self._on_device():
            event = self._cupy.cuda.Event(disable_timing=True)
            event.record(stream)
            return event

    def timed(self, stream: Any, work: Callable[[], None]) -> float:
        """Seconds that the device takes for what `work` queues on `stream`: for benchmarks; waits."""
        with self._on_device():
            begin, end = self._cupy.cuda.Event(), self._cupy.cuda.Event()
            begin.record(stream)
            work()
            end.record(stream)
            end.synchronize()
            return float(self._cupy.cuda.get_elapsed_time(begin, end)) / 1000

    def done(self, event: Any) -> bool:
        with self._on_device():
            status = self._runtime.eventQuery(event.ptr)
        if status not in {_SUCCESS, _NOT_READY}:
            # CuPy returns it and raises nothing: an illegal address, say, would look like a kernel that never ends.
            raise DeviceLost(f"CUDA error {status} while a batch was computed")
        return bool(status == _SUCCESS)
