"""The receiving side: a directory with the manifest and the chunks that were verified. What is there is kept over a restart.

Files: `manifest`, and `chunk-` with the number in ten digits for each chunk; written beside as `.part`, synced, then renamed, so a
file with its right name is whole. The disk may still lie, so `install` checks every byte again.
"""

from __future__ import annotations

import errno
import os
from hashlib import sha256
from pathlib import Path

from quorate_node.machine.interface import Refused
from quorate_node.machine.snapshot.install import Installation
from quorate_node.machine.snapshot.manifest import Manifest, decode_manifest
from quorate_node.store.errors import NoSpace, StoreFailed
from quorate_node.store.interface import StateStore

_MANIFEST_FILE = "manifest"
_CHUNK_PREFIX = "chunk-"
_PART_SUFFIX = ".part"


class DirectorySnapshotSink:
    """A `machine.interface.SnapshotSink`. Chunks may come in any order and from any peer; the manifest decides what they are."""

    def __init__(self, directory: Path, manifest: bytes) -> None:
        """Open or resume. Chunks of another manifest in `directory` are deleted. Raises `Refused`, `NoSpace`, `StoreFailed`."""
        self.manifest: Manifest = decode_manifest(manifest)
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        kept = directory / _MANIFEST_FILE
        if not (kept.is_file() and kept.read_bytes() == manifest):
            self._clear()
            write_file_durably(kept, manifest)
        self._missing = self._find_missing()

    @property
    def received_bytes(self) -> int:
        """Progress, of `manifest.total_bytes()`."""
        return self.manifest.total_bytes() - sum(self.manifest.sizes[number] for number in self._missing.copy())

    def missing(self) -> list[int]:
        return sorted(self._missing.copy())

    def write(self, number: int, data: bytes) -> None:
        """Any thread. Verify and keep one chunk, durable on return. One that is already here is verified and not written again.

        Raises `Refused("InvalidArgument")` for a number or bytes that the manifest does not have, `NoSpace`, `StoreFailed`.
        """
        sizes = self.manifest.sizes
        if not 0 <= number < len(sizes):
            raise Refused("InvalidArgument", f"snapshot chunk {number} does not exist: the manifest has {len(sizes)} chunks from 0 on")
        if len(data) != sizes[number]:
            raise Refused(
                "InvalidArgument", f"snapshot chunk {number} has {len(data)} bytes; the manifest says {sizes[number]}: fetch it again"
            )
        if sha256(data).digest() != self.manifest.chunk_hash(number):
            raise Refused("InvalidArgument", f"snapshot chunk {number} has another SHA-256 than the manifest: fetch it from another peer")
        if number in self._missing:
            write_file_durably(self._path(number), data)
            self._missing.discard(number)

    def read(self, number: int) -> bytes:
        """Any thread. A chunk that was written, verified again. Raises `Refused` and counts it as missing when the disk has other bytes."""
        try:
            data = self._path(number).read_bytes()
        except FileNotFoundError:
            data = b""
        if sha256(data).digest() != self.manifest.chunk_hash(number):
            self._path(number).unlink(missing_ok=True)
            self._missing.add(number)
            raise Refused("InvalidArgument", f"snapshot chunk {number} was damaged on this disk: fetch it again")
        return data

    async def install(self, store: StateStore) -> None:
        """Fill an empty `store` and flush it. Raises `Refused` (chunks missing or damaged: fetch `missing()` and install a new store).

        Only a complete and verified state has its `meta` family written: a store that was left in between has no applied index.
        """
        if self._missing:
            raise Refused("InvalidArgument", f"{len(self._missing)} of {len(self.manifest.sizes)} snapshot chunks are missing")
        await Installation(store, self.manifest, self.read).run()

    def discard(self) -> None:
        """Delete the directory's files, after the store was swapped in."""
        self._clear()
        self._missing = set(range(len(self.manifest.sizes)))

    def _find_missing(self) -> set[int]:
        def whole(number: int, size: int) -> bool:
            path = self._path(number)
            return path.is_file() and path.stat().st_size == size

        return {number for number, size in enumerate(self.manifest.sizes) if not whole(number, size)}

    def _path(self, number: int) -> Path:
        return self.directory / f"{_CHUNK_PREFIX}{number:010d}"

    def _clear(self) -> None:
        """The manifest goes first: chunks without it are deleted at the next start, never taken for another snapshot's."""
        (self.directory / _MANIFEST_FILE).unlink(missing_ok=True)
        sync_directory(self.directory)
        for path in self.directory.iterdir():
            if path.name.startswith(_CHUNK_PREFIX) or path.name.endswith(_PART_SUFFIX):
                path.unlink(missing_ok=True)


def write_file_durably(path: Path, data: bytes) -> None:
    """Write, sync, rename, sync the directory: after a crash the file is whole or not there. Raises `NoSpace`, `StoreFailed`."""
    part = path.with_name(path.name + _PART_SUFFIX)
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # failpoint: snapshot.chunk.before_rename
        part.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise disk_error(path, error) from error


def sync_directory(directory: Path) -> None:
    """Make renames and deletions in `directory` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(path: Path, error: OSError) -> NoSpace | StoreFailed:
    """The store's error for an operating system's."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace(f"no space left for {path}: free some space or give the volume more")
    return StoreFailed(f"cannot write {path}: {error}")
