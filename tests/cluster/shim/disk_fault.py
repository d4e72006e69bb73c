"""A slow, full, failing or tearing disk under one real process: the preloaded library of `disk_fault.c`, and the file that steers it.

    with DiskFault(member.data) as disk:
        await member.start(environment=disk.environment())
        disk.delay(3000)                                  every sync takes three seconds longer
        disk.fail(errno.EIO, ("sync",), count=1)          the next sync fails
        disk.tear(40)                                     the next write ends after 40 bytes, and the process with it
        disk.clear()
"""

from __future__ import annotations

import ctypes
import errno as errno_names
import hashlib
import mmap
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Self

SOURCE = Path(__file__).with_name("disk_fault.c")
BUILD = Path(__file__).resolve().parents[3] / "build"
KINDS = ("sync", "write", "allocate")
"""fsync, fdatasync, sync_file_range, a synced pwritev2 and the kernel's asynchronous sync; writes of all forms; fallocate of all forms."""
_MAGIC = 0x51464C5431303031
_PATH_BYTES = 1024
DELAY_MS_MAX = 600_000


class _Fault(ctypes.Structure):
    """`struct fault` of the C source."""

    _fields_ = (
        ("delay_ms", ctypes.c_int32),
        ("error", ctypes.c_int32),
        ("per_million", ctypes.c_int32),
        ("unused", ctypes.c_int32),
        ("left", ctypes.c_int64),
        ("seen", ctypes.c_int64),
        ("hit", ctypes.c_int64),
    )


class _Control(ctypes.Structure):
    """`struct control` of the C source."""

    _fields_ = (
        ("magic", ctypes.c_uint64),
        ("armed", ctypes.c_int32),
        ("refuse_aio", ctypes.c_int32),
        ("tear_bytes", ctypes.c_int64),
        ("random", ctypes.c_uint64),
        ("faults", _Fault * len(KINDS)),
        ("directory", ctypes.c_char * _PATH_BYTES),
        ("only", ctypes.c_char * _PATH_BYTES),
    )


class Count(NamedTuple):
    """`seen`: calls below the directory while anything was armed; `hit`: those that were delayed or failed."""

    seen: int
    hit: int


def build() -> Path:
    """The library, compiled once for this source and user, in build/. Raises RuntimeError with the compiler's words, or for want of one."""
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    library = BUILD / f"disk-fault-{os.getuid()}-{digest}.so"
    if library.exists() and library.stat().st_uid == os.getuid():
        return library
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        made = Path(scratch) / library.name
        options = ("-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-ldl", "-pthread")
        command = [os.environ.get("CC", "cc"), "-o", str(made), str(SOURCE), *options]
        try:
            compiled = subprocess.run(command, capture_output=True, text=True)
        except FileNotFoundError as error:
            raise RuntimeError(f"no C compiler {command[0]!r}: `sh tests/cluster/prepare.sh` installs one, or CC names another") from error
        if compiled.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}\n{compiled.stderr}")
        made.replace(library)
    return library


class DiskFault:
    """Faults of the files below `directory`, for processes started with `environment()`. One process at a time; a restart keeps them."""

    def __init__(self, directory: Path, *, seed: int = 1, only: str = "", kernel_sync: bool = True) -> None:
        """`only`: touch files whose path contains it, as "/segments/". `kernel_sync` false: the kernel's asynchronous I/O is refused, so
        that the node syncs in its thread. What steers them is a file beside `directory`, until `close`."""
        self._library = build()
        directory.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{directory.name}-", suffix=".disk-fault", dir=directory.parent)
        self._path = Path(name)
        os.ftruncate(descriptor, ctypes.sizeof(_Control))
        self._map = mmap.mmap(descriptor, ctypes.sizeof(_Control))
        os.close(descriptor)
        self._control = _Control.from_buffer(self._map)
        resolved = os.fsencode(directory.resolve())
        if max(len(resolved), len(only)) >= _PATH_BYTES:
            raise ValueError(f"{directory} and {only!r} must be shorter than {_PATH_BYTES} bytes: use a shorter path")
        self._control.directory = resolved
        self._control.only = os.fsencode(only)
        self._control.random = seed
        self._control.refuse_aio = 0 if kernel_sync else 1
        self._control.tear_bytes = -1
        self._control.magic = _MAGIC

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """A sound disk again, for good: nothing is left of this."""
        self.clear()
        self._path.unlink(missing_ok=True)

    def environment(self) -> dict[str, str]:
        preloaded = " ".join(filter(None, (str(self._library), os.environ.get("LD_PRELOAD"))))
        return {"LD_PRELOAD": preloaded, "QUORATE_DISK_FAULT": str(self._path)}

    def delay(self, delay_ms: int, operations: Sequence[str] = ("sync",), *, percent: float = 100.0) -> None:
        """Every such call takes so much longer from now on; those under way do not change."""
        if not 0 <= delay_ms <= DELAY_MS_MAX:
            raise ValueError(f"delay_ms is {delay_ms}; it must be from 0 to {DELAY_MS_MAX}")
        for fault in self._faults(operations, percent):
            fault.delay_ms = delay_ms
        self._control.armed = 1

    def fail(self, errno: int, operations: Sequence[str] = ("sync",), *, count: int | None = None, percent: float = 100.0) -> None:
        """Such calls end with `errno` and do nothing else: the next `count` of them, or all."""
        if errno not in errno_names.errorcode:
            raise ValueError(f"errno is {errno}; use one of the module errno's, as errno.EIO")
        if count is not None and count < 1:
            raise ValueError(f"count is {count}; it must be at least 1, or None for all")
        for fault in self._faults(operations, percent):
            fault.left = -1 if count is None else count
            fault.error = errno
        self._control.armed = 1

    def tear(self, bytes_kept: int = 0) -> None:
        """Of the next write below the directory only so many bytes reach the file; the process is killed in the middle of it."""
        if bytes_kept < 0:
            raise ValueError(f"bytes_kept is {bytes_kept}; it must not be negative")
        self._control.tear_bytes = bytes_kept
        self._control.armed = 1

    def only(self, part: str) -> None:
        """Touch only files whose path contains `part`; empty: all."""
        self._control.only = os.fsencode(part)

    def clear(self) -> None:
        """A sound disk again; the counts stay."""
        self._control.armed = 0
        self._control.tear_bytes = -1
        for fault in self._control.faults:
            fault.delay_ms, fault.error, fault.left, fault.per_million = 0, 0, 0, 1_000_000

    def counts(self) -> dict[str, Count]:
        return {kind: Count(fault.seen, fault.hit) for kind, fault in zip(KINDS, self._control.faults, strict=True)}

    def _faults(self, operations: Sequence[str], percent: float) -> list[_Fault]:
        unknown = sorted(set(operations) - set(KINDS))
        if unknown or not operations:
            raise ValueError(f"operations are {list(operations)}; use some of {', '.join(KINDS)}")
        if not 0 < percent <= 100:
            raise ValueError(f"percent is {percent:g}; it must be above 0 and at most 100")
        chosen = [self._control.faults[KINDS.index(operation)] for operation in operations]
        for fault in chosen:
            fault.per_million = round(percent * 10_000)
        return chosen
