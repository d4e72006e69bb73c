"""The application's own snapshots: files in one directory, the index in the name, written durably, two kept.

    header length u32 | header as msgpack | the application's bytes | their count u64 | SHA-256 over all before it

They are verified by this hash and stand outside the cluster's canonical one: a user's class may write the same state in other bytes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import IO, NamedTuple

import msgspec

from quorate_node.machine.interface import Refused
from quorate_node.store.durable_file import sync_directory
from quorate_node.store.errors import Damaged, NoSpace, StoreFailed

FORMAT = 1
KEPT = 2
PIECE_BYTES = 1 << 20
HEADER_BYTES_MAX = 64 * 1024

_PREFIX = "application-"
_SUFFIX = ".snapshot"
_PART = ".part"
_LENGTH = Struct(">I")
_COUNT = Struct(">Q")
_TRAILER_BYTES = _COUNT.size + 32


class ApplicationSnapshotHeader(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """The state after all commands up to entry `index`. `name` and `version` are those that the log demands from there on."""

    format: int
    index: int
    name: str
    version: int


class ApplicationSnapshot(NamedTuple):
    """A whole snapshot on the disk. Sent to a member that is behind as its file's bytes: `size_bytes`, checked by `verify`."""

    path: Path
    header: ApplicationSnapshotHeader
    size_bytes: int


class SnapshotWriter:
    """Any thread, one at a time. Nothing is there under its name before `finish`; `abandon` leaves nothing."""

    def __init__(self, directory: Path, header: ApplicationSnapshotHeader) -> None:
        """Raises `NoSpace`, `StoreFailed`, as do the methods."""
        self.header = header
        self.path = directory / f"{_PREFIX}{header.index:020d}{_SUFFIX}"
        self._part = self.path.with_name(self.path.name + _PART)
        self._digest = sha256()
        self._count = 0
        encoded = msgspec.msgpack.encode(header)
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = self._part.open("wb")
            self._write(_LENGTH.pack(len(encoded)) + encoded)
        except OSError as error:
            raise _disk_error(self._part, error) from error

    def write(self, piece: bytes) -> None:
        try:
            self._write(piece)
        except OSError as error:
            raise _disk_error(self._part, error) from error
        self._count += len(piece)

    def finish(self) -> ApplicationSnapshot:
        """Durable on return."""
        try:
            self._write(_COUNT.pack(self._count))
            self._file.write(self._digest.digest())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.path)
            sync_directory(self.path.parent)
        except OSError as error:
            raise _disk_error(self._part, error) from error
        return ApplicationSnapshot(self.path, self.header, self.path.stat().st_size)

    def abandon(self) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)


def list_snapshots(directory: Path) -> list[ApplicationSnapshot]:
    """All that have a readable header, the newest first. Content is not checked (`verify`). Any thread."""
    found: list[ApplicationSnapshot] = []
    for path in directory.glob(f"{_PREFIX}*{_SUFFIX}"):
        try:
            found.append(open_snapshot(path))
        except Damaged:
            continue
    return sorted(found, key=lambda snapshot: snapshot.header.index, reverse=True)


def open_snapshot(path: Path) -> ApplicationSnapshot:
    """Read the header. Raises `Damaged`."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return ApplicationSnapshot(path, _read_header(path, file), size)
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error}") from error


def verify(snapshot: ApplicationSnapshot) -> None:
    """Any thread. Read the whole file. Raises `Damaged`."""
    digest = sha256()
    tail = b""
    content_bytes = snapshot.size_bytes - 32
    try:
        with snapshot.path.open("rb") as file:
            _read_header(snapshot.path, file)
            body_bytes = content_bytes - _COUNT.size - file.tell()
            file.seek(0)
            for data in _pieces(file, content_bytes):
                digest.update(data)
                tail = (tail + data)[-_COUNT.size :]
            found = file.read()
    except OSError as error:
        raise Damaged(f"{snapshot.path} cannot be read: {error}") from error
    if found != digest.digest() or body_bytes < 0 or tail != _COUNT.pack(body_bytes):
        raise Damaged(f"{snapshot.path} has another SHA-256 than its trailer says, or is cut: take another snapshot")


def read_pieces(snapshot: ApplicationSnapshot) -> Iterator[bytes]:
    """Any thread. The application's bytes of a verified snapshot, in pieces of at most `PIECE_BYTES`."""
    with snapshot.path.open("rb") as file:
        _read_header(snapshot.path, file)
        yield from _pieces(file, snapshot.size_bytes - _TRAILER_BYTES - file.tell())


def adopt(directory: Path, snapshot: ApplicationSnapshot) -> ApplicationSnapshot:
    """Any thread. Move a verified file that was received elsewhere on the same volume into `directory`, durably. Raises `OSError`."""
    path = directory / f"{_PREFIX}{snapshot.header.index:020d}{_SUFFIX}"
    with snapshot.path.open("rb") as file:
        os.fsync(file.fileno())
    snapshot.path.replace(path)
    sync_directory(directory)
    return snapshot._replace(path=path)


def check_of_cluster(path: Path, index: int, registered: tuple[str, int]) -> ApplicationSnapshot:
    """Any thread. A file that came from elsewhere, verified to be of that machine at that index. Raises `Refused`."""
    try:
        snapshot = open_snapshot(path)
        verify(snapshot)
    except Damaged as error:
        raise Refused("InvalidArgument", f"the application's snapshot is damaged: {error}") from error
    header = snapshot.header
    if (header.index, (header.name, header.version)) != (index, registered):
        raise Refused(
            "InvalidArgument",
            f"the application's snapshot is of {header.name!r} version {header.version} at index {header.index}; "
            f"expected {registered[0]!r} version {registered[1]} at index {index}",
        )
    return snapshot


def at_index(snapshot: ApplicationSnapshot, directory: Path, index: int) -> ApplicationSnapshot:
    """Any thread. The same content written to `directory` under another index: a restored cluster's log begins anew. Raises `NoSpace`,
    `StoreFailed`."""
    writer = SnapshotWriter(directory, msgspec.structs.replace(snapshot.header, index=index))
    try:
        for piece in read_pieces(snapshot):
            writer.write(piece)
        return writer.finish()
    except BaseException:
        writer.abandon()
        raise


def keep_newest(directory: Path, kept: int = KEPT) -> None:
    """Any thread. Delete all but the newest `kept`, and what a crash left half written."""
    for snapshot in list_snapshots(directory)[kept:]:
        snapshot.path.unlink(missing_ok=True)
    for part in directory.glob(f"{_PREFIX}*{_PART}"):
        part.unlink(missing_ok=True)


def _read_header(path: Path, file: IO[bytes]) -> ApplicationSnapshotHeader:
    raw = file.read(_LENGTH.size)
    length = _LENGTH.unpack(raw)[0] if len(raw) == _LENGTH.size else HEADER_BYTES_MAX + 1
    if length > HEADER_BYTES_MAX:
        raise Damaged(f"{path} is not an application's snapshot: its header is cut or has over {HEADER_BYTES_MAX} bytes")
    try:
        header = msgspec.msgpack.decode(file.read(length), type=ApplicationSnapshotHeader)
    except msgspec.MsgspecError as error:
        raise Damaged(f"{path} is not an application's snapshot: {error}") from error
    if header.format != FORMAT:
        raise Damaged(f"{path} has format {header.format}, this release reads {FORMAT}")
    return header


def _pieces(file: IO[bytes], count: int) -> Iterator[bytes]:
    while count > 0:
        data = file.read(min(count, PIECE_BYTES))
        if not data:
            raise OSError(errno.EIO, f"the file ends {count} bytes early")
        count -= len(data)
        yield data


def _disk_error(path: Path, error: OSError) -> NoSpace | StoreFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"no space left for {path}: free some space or give the volume more")
    return StoreFailed(f"cannot write {path}: {error}")
