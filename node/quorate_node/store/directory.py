"""One member's data directory: its lock, format, identity, boot counter, small durable records and generations of the state.

    lock            held exclusively while a process uses the directory; holds its pid
    format          version of this layout; written last on creation: a directory without it is new
    identity        cluster id, member id and name (DESIGN decision 2): the volume is the member, not the pod
    boot            how many times it was opened: a peer that saw a higher count refuses a volume that was rolled back
    hard-state      term and vote (`hard_state.py`)
    records/        small durable records of the replica, one file each
    log/            the log database, or
    segments/       the files of a log of kind "file"
    state-000001/   the state database, one generation; `state-pointer` names the one in use
    staging/        chunks of a snapshot under way, kept over a restart
    tls/            the member's key and certificate, where it makes its key itself: they may be there before all else
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec

from quorate_node.store.durable_file import read_durable, remove_leftovers, sync_directory, write_durably
from quorate_node.store.errors import DirectoryDamaged, FormatTooNew, IdentityMismatch, StoreError, StoreLocked
from quorate_node.store.settings import LogKind, StoreSettings
from quorate_node.store.space import SpaceGauge

logger = logging.getLogger(__name__)

FORMAT_VERSION = 2
"""1: the log is in RocksDB. 2: the log is of the kind that the format file names."""
RECORD_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_STATE_NAME = re.compile(r"state-(\d{6})")
DIRECTORY_MODE = 0o700

Value = TypeVar("Value")


class Identity(msgspec.Struct, frozen=True):
    """Who owns the directory. Ids are random, from 1 to 2^63-1."""

    cluster_id: int
    member_id: int
    name: str


class _Format(msgspec.Struct, frozen=True):
    version: int
    log: LogKind = "rocksdb"


class Directory(Protocol):
    """What the replica keeps beside log and state. `DataDirectory` on disk, `MemoryDirectory` in the simulator."""

    identity: Identity | None
    boot_counter: int
    """1 at the first opening."""

    def set_identity(self, identity: Identity) -> None:
        """Durable on return. Raises `IdentityMismatch` when the directory already belongs to somebody else."""
        ...

    def read_record(self, name: str, kind: type[Value]) -> Value | None:
        """The record as a value of `kind` (a msgspec type), or None. Raises `DirectoryDamaged`."""
        ...

    def write_record(self, name: str, value: Any) -> None:
        """Replace the record atomically; durable on return. Raises `ValueError` over `record_bytes_max`."""
        ...

    def staging(self) -> Path:
        """Where chunks of a snapshot under way are kept."""
        ...

    def close(self) -> None: ...


def check_identity(current: Identity | None, expected: Identity, where: str) -> None:
    """Raises `IdentityMismatch` unless `current` is `expected` (the name may change: a pod can be renamed)."""
    if current is not None and (current.cluster_id, current.member_id) != (expected.cluster_id, expected.member_id):
        raise IdentityMismatch(
            f"{where} belongs to member {current.member_id:x} ({current.name}) of cluster {current.cluster_id:x}, not to member "
            f"{expected.member_id:x} ({expected.name}) of cluster {expected.cluster_id:x}: give this member its own directory"
        )


class DataDirectory:
    """Open with `DataDirectory.open`; one process at a time."""

    def __init__(self, path: Path, lock_descriptor: int, settings: StoreSettings) -> None:
        self.path = path
        self.settings = settings
        self._lock_descriptor = lock_descriptor
        self.identity: Identity | None = None
        self.boot_counter = 0
        self.fresh = False
        """True when this opening created it."""
        self.log_kind: LogKind = settings.log_backend
        """What an existing directory was made with; of a new one, the setting."""
        self.space = SpaceGauge(path, settings.effective_reserve_bytes(), settings.headroom_bytes)

    @classmethod
    def open(
        cls, path: Path, *, settings: StoreSettings | None = None, expected_identity: Identity | None = None
    ) -> DataDirectory:
        """Lock, check and count one more boot.

        Raises `StoreLocked`, `FormatTooNew`, `IdentityMismatch`, `DirectoryDamaged`, `OSError`.
        """
        settings = settings or StoreSettings()
        if not path.exists():
            path.mkdir(mode=DIRECTORY_MODE, parents=True)
            sync_directory(path.parent)
        directory = cls(path, _lock(path / "lock"), settings)
        try:
            directory._check_format()
            directory._read(expected_identity)
        except BaseException:
            directory.close()
            raise
        return directory

    def _check_format(self) -> None:
        remove_leftovers(self.path)
        content = read_durable(self.path / "format")
        if content is None:
            self._refuse_strangers()
            self.fresh = True
            return
        found = _decode(self.path / "format", content, _Format)
        version = found.version
        if version > FORMAT_VERSION:
            raise FormatTooNew(
                f"{self.path} has format {version}, written by a newer release; this one reads up to format {FORMAT_VERSION}: "
                "start the newer release again"
            )
        if found.log != self.settings.log_backend:
            logger.warning(
                "%s keeps its log in %r, and goes on so; the setting store.log_backend = %r is for new directories: to change it, replace "
                "this member by a new one with an empty data directory",
                self.path,
                found.log,
                self.settings.log_backend,
            )
        self.log_kind = found.log

    def _refuse_strangers(self) -> None:
        """Without `format`, only what an interrupted first opening leaves may be there."""
        first_state = self.state_path(1).name
        known = {"lock", "boot", "hard-state", "lost+found", "records", "log", "segments", "staging", "tls", first_state}
        strangers = sorted(entry.name for entry in self.path.iterdir() if entry.name not in known)
        if strangers:
            raise DirectoryDamaged(
                f"{self.path} has no format file but holds {', '.join(strangers[:5])}: it is no data directory, or it lost its "
                "format file; give this member an empty directory"
            )

    def _read(self, expected_identity: Identity | None) -> None:
        for name in ("records", self.log_path().name, "staging"):
            (self.path / name).mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        remove_leftovers(self.path / "records")
        content = read_durable(self.path / "identity")
        if content is not None:
            self.identity = _decode(self.path / "identity", content, Identity)
            if expected_identity is not None:
                check_identity(self.identity, expected_identity, str(self.path))
        boot = read_durable(self.path / "boot")
        if boot is None and not self.fresh:
            raise DirectoryDamaged(f"{self.path / 'boot'} is missing: remove this member and start it with an empty data directory")
        self.boot_counter = (_decode(self.path / "boot", boot, int) if boot is not None else 0) + 1
        write_durably(self.path / "boot", msgspec.json.encode(self.boot_counter))
        # failpoint: directory.open.after_boot_count
        self._remove_other_generations()

    def created(self) -> None:
        """All parts of a new directory are there and durable: from now on a missing one is a loss."""
        if self.fresh:
            sync_directory(self.path)
            # An older release, which knows only version 1, must refuse a log that it would take for lost.
            version = 1 if self.log_kind == "rocksdb" else 2
            # failpoint: directory.create.before_format
            write_durably(self.path / "format", msgspec.json.encode(_Format(version, self.log_kind)))

    def set_identity(self, identity: Identity) -> None:
        check_identity(self.identity, identity, str(self.path))
        write_durably(self.path / "identity", msgspec.json.encode(identity))
        self.identity = identity

    def read_record(self, name: str, kind: type[Value]) -> Value | None:
        content = read_durable(self._record_path(name))
        return None if content is None else _decode(self._record_path(name), content, kind)

    def write_record(self, name: str, value: Any) -> None:
        write_durably(self._record_path(name), encode_record_value(name, value, self.settings.record_bytes_max))

    def _record_path(self, name: str) -> Path:
        check_record_name(name)
        return self.path / "records" / name

    def log_path(self) -> Path:
        return self.path / ("log" if self.log_kind == "rocksdb" else "segments")

    def hard_state_path(self) -> Path:
        return self.path / "hard-state"

    def staging(self) -> Path:
        return self.path / "staging"

    # -- generations of the state -----------------------------------------------------------------------------------------

    def state_generation(self) -> int:
        """The generation in use; 1 until one was switched to."""
        content = read_durable(self.path / "state-pointer")
        return 1 if content is None else _decode(self.path / "state-pointer", content, int)

    def state_path(self, generation: int) -> Path:
        return self.path / f"state-{generation:06d}"

    def switch_state(self, generation: int) -> None:
        """Use `generation` from now on, also after a crash; it must be flushed. The other ones are deleted by `remove_state`."""
        if not self.state_path(generation).is_dir():
            raise StoreError(f"{self.state_path(generation)} does not exist: build the new state before switching to it")
        # Its own name must be durable before a pointer says so.
        sync_directory(self.path)
        # failpoint: state.switch.before_pointer
        write_durably(self.path / "state-pointer", msgspec.json.encode(generation))

    def remove_state(self, generation: int) -> None:
        assert generation != self.state_generation(), "the state in use is never deleted"
        shutil.rmtree(self.state_path(generation), ignore_errors=True)

    def _remove_other_generations(self) -> None:
        """A crash while a snapshot was installed leaves the old or the new one beside the one in use."""
        current = self.state_generation()
        for entry in self.path.iterdir():
            match = _STATE_NAME.match(entry.name)
            if match and int(match[1]) != current:
                shutil.rmtree(entry)

    def close(self) -> None:
        """Lets the lock go."""
        if self._lock_descriptor >= 0:
            os.close(self._lock_descriptor)
            self._lock_descriptor = -1


def check_record_name(name: str) -> None:
    if not RECORD_NAME.fullmatch(name):
        raise ValueError(f"record name {name!r}: use 1 to 64 lower-case letters, digits and hyphens, a letter first")


def encode_record_value(name: str, value: Any, bytes_max: int) -> bytes:
    content = msgspec.json.encode(value)
    if len(content) > bytes_max:
        raise ValueError(f"record {name!r} is {len(content)} bytes; the limit is {bytes_max} (record_bytes_max): keep less in it")
    return content


def _decode(path: Path, content: bytes, kind: type[Value]) -> Value:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise DirectoryDamaged(f"{path} cannot be read: {error}") from error


def _lock(path: Path) -> int:
    """`flock`, not POSIX record locks: those are let go when any descriptor of the file is closed, and never exclude one's own process."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StoreLocked(
            f"{path.parent} is in use by the process with pid {holder}: stop it, or give this member its own directory"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
