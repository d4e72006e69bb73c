"""A disk that loses power, under real files: what was written and not synced may be there afterwards, sector by sector, or not.

`recorded` passes the calls of `os` through and keeps, beside the real files (the page cache, as a running process sees it), what is
durable. When the power goes every call raises `PowerLost`, and `image` draws one of the disks that may be found then: of each unsynced
sector any of its versions, of each directory any prefix of its unsynced changes, file lengths alike. Not modelled: a sector half
written (the disk then refuses to read it), and a disk that lies about a sync.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

SECTOR_BYTES = 512
PAGE_BYTES = 4096
Image = dict[str, bytes]
"""Content by path below the root."""


class PowerLost(BaseException):
    """No handler of the program may take it for an error to deal with."""


class RecordedFile:
    def __init__(self, durable: bytes = b"") -> None:
        self.durable = bytearray(durable)
        self.current = bytearray(durable)
        self.pending: dict[int, list[bytes]] = {}
        """Versions of each unsynced sector, oldest first."""

    def write(self, offset: int, content: bytes) -> None:
        end = offset + len(content)
        self.resize(max(len(self.current), end))
        self.current[offset:end] = content
        for sector in range(offset // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            version = bytes(self.current[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES])
            self.pending.setdefault(sector, []).append(version)

    def resize(self, size: int) -> None:
        if size < len(self.current):
            del self.current[size:]
        self.current.extend(bytes(size - len(self.current)))

    def sync(self, low: int = 0, high: int | None = None) -> None:
        """The whole file, or what a synced write of [low, high) makes durable. Its length goes with it: data need it to be found."""
        size = len(self.current)
        end = size if high is None else high
        del self.durable[size:]
        self.durable.extend(bytes(size - len(self.durable)))
        for sector in range(low // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            if self.pending.pop(sector, None):
                begin = sector * SECTOR_BYTES
                self.durable[begin : begin + SECTOR_BYTES] = self.current[begin : begin + SECTOR_BYTES]

    def found(self, random: Random) -> bytes:
        content = bytearray(self.durable)
        size = random.choice([len(self.durable), len(self.current)])
        share = random.choice([0.0, 0.1, 0.5, 0.9, 1.0])
        for sector, versions in self.pending.items():
            if random.random() < share:
                version = random.choice(versions)
                begin = sector * SECTOR_BYTES
                content.extend(bytes(max(0, begin - len(content))))
                content[begin : begin + len(version)] = version
        content.extend(bytes(max(0, size - len(content))))
        return bytes(content)


class RecordedDirectory:
    def __init__(self) -> None:
        self.durable: dict[str, RecordedFile] = {}
        self.current: dict[str, RecordedFile] = {}
        self.pending: list[dict[str, RecordedFile]] = []
        """The names after each change, oldest first: a journal keeps their order."""

    def changed(self) -> None:
        self.pending.append(dict(self.current))

    def sync(self) -> None:
        self.durable, self.pending = dict(self.current), []


class PowerDisk:
    """The files below `root` (of its directories, those named). `dies_in` calls from now the power goes; `kills`: only the process dies."""

    def __init__(self, root: Path, directories: tuple[str, ...], image: Image, random: Random) -> None:
        self.root = root
        self.random = random
        self.dead = False
        self.kills = False
        self.dies_in = -1
        self.before_directory_sync: Callable[[], None] = lambda: None
        self.directories = {str(root / name): RecordedDirectory() for name in directories}
        self._files: dict[int, RecordedFile] = {}
        for name in directories:
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, content in image.items():
            path = root / name
            path.write_bytes(content)
            file = self._files[path.stat().st_ino] = RecordedFile(content)
            directory = self.directories[str(path.parent)]
            directory.current[path.name] = directory.durable[path.name] = file

    def image(self) -> Image:
        """One of the disks that may be found when the power is back."""
        found: Image = {}
        for path, directory in self.directories.items():
            names = self.random.choice([directory.durable, *directory.pending])
            for name, file in names.items():
                found[str((Path(path) / name).relative_to(self.root))] = file.found(self.random)
        return found

    def call(self) -> bool:
        """Counts a call that changes something. True: the end comes in the middle of it."""
        if self.dead:
            raise PowerLost
        self.dies_in -= 1
        self.dead = self.dies_in == 0
        return self.dead

    def file(self, descriptor: int) -> RecordedFile:
        return self._files[os.fstat(descriptor).st_ino]

    def created(self, path: Path, descriptor: int) -> None:
        # A number that was free may be given again: the name decides.
        file = self._files[os.fstat(descriptor).st_ino] = RecordedFile()
        self._directory(path).current[path.name] = file
        self._directory(path).changed()

    def renamed(self, source: Path, target: Path) -> None:
        directory = self._directory(source)
        directory.current[target.name] = directory.current.pop(source.name)
        directory.changed()

    def unlinked(self, path: Path) -> None:
        directory = self._directory(path)
        del directory.current[path.name]
        directory.changed()

    def synced(self, descriptor: int) -> None:
        path = str(Path(f"/proc/self/fd/{descriptor}").readlink())
        if path in self.directories:
            self.directories[path].sync()
        else:
            self.file(descriptor).sync()

    def _directory(self, path: Path) -> RecordedDirectory:
        return self.directories[str(path.parent)]


@contextmanager
def recorded(disk: PowerDisk) -> Iterator[None]:
    """Within it, what this process changes below the disk's root is recorded, and ends with the disk."""
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name)
        for name in ("open", "pwritev", "pwrite", "ftruncate", "posix_fallocate", "fsync", "fdatasync", "rename", "unlink")
    }

    def opened(path: Any, flags: int, mode: int = 0o777, **others: Any) -> int:
        ours = str(path).startswith(str(disk.root))
        new = ours and bool(flags & os.O_CREAT) and not Path(path).exists()
        if new and disk.call():
            raise PowerLost
        descriptor = int(real["open"](path, flags, mode, **others))
        if new:
            disk.created(Path(path), descriptor)
        return descriptor

    def pwritev(descriptor: int, parts: Any, offset: int, flags: int = 0) -> int:
        content = b"".join(parts)
        file = disk.file(descriptor)
        if disk.call():
            if disk.kills:
                # Between two pages at most: within one the kernel is not interrupted.
                pages = range(PAGE_BYTES - offset % PAGE_BYTES, len(content), PAGE_BYTES)
                content = content[: disk.random.choice([0, *pages, len(content)])]
                real["pwritev"](descriptor, [content], offset)
            file.write(offset, content)
            raise PowerLost
        file.write(offset, content)
        real["pwritev"](descriptor, [content], offset)
        if flags & os.RWF_DSYNC:
            file.sync(offset, offset + len(content))
        return len(content)

    def resized(descriptor: int, size: int) -> None:
        if disk.call():
            raise PowerLost
        disk.file(descriptor).resize(size)
        real["ftruncate"](descriptor, size)

    def allocated(descriptor: int, offset: int, length: int) -> None:
        resized(descriptor, max(os.fstat(descriptor).st_size, offset + length))

    def synced(descriptor: int) -> None:
        if str(Path(f"/proc/self/fd/{descriptor}").readlink()) in disk.directories:
            disk.before_directory_sync()
        if disk.call():
            raise PowerLost
        disk.synced(descriptor)

    def renamed(source: Any, target: Any) -> None:
        if disk.call():
            raise PowerLost
        disk.renamed(Path(source), Path(target))
        real["rename"](source, target)

    def unlinked(path: Any, **others: Any) -> None:
        if disk.call():
            raise PowerLost
        disk.unlinked(Path(path))
        real["unlink"](path, **others)

    with pytest.MonkeyPatch.context() as patch:
        for name, call in {
            "open": opened, "pwritev": pwritev, "pwrite": lambda number, content, offset: pwritev(number, [content], offset),
            "ftruncate": resized, "posix_fallocate": allocated,
            "fsync": synced, "fdatasync": synced, "rename": renamed, "unlink": unlinked,
        }.items():  # fmt: skip
            patch.setattr(os, name, call)
        yield
