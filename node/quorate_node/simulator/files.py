"""A machine's files in memory, as a disk keeps them that loses power: what was written and not synced may be there afterwards, sector by
sector, or not; of names that were changed and not synced any beginning of the changes.

Not modelled: a sector half written (the disk then refuses to read it), and a disk that lies about a sync.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from random import Random
from weakref import WeakValueDictionary

from quorate_node.store.memory_disk import MemoryDisk

SECTOR_BYTES = 512
MACHINE_SHIFT = 24
"""Descriptors are numbered from (number of the machine << this) on: no process has so many real files open."""
SHARES = (0.0, 0.1, 0.5, 0.9, 1.0)
"""Of the unsynced sectors, how many are found after a power loss."""


_numbers = count(1)
_machines: WeakValueDictionary[int, SimulatedFiles] = WeakValueDictionary()


def machine_of(descriptor: int) -> SimulatedFiles | None:
    """Whose open file it is; None: a real one, or of a machine that is gone."""
    return _machines.get(descriptor >> MACHINE_SHIFT) if descriptor >> MACHINE_SHIFT else None


class _File:
    def __init__(self) -> None:
        self.durable = bytearray()
        self.current = bytearray()
        self.pending: dict[int, list[bytes]] = {}
        """Versions of each unsynced sector, oldest first."""
        self._was_cut = False
        """Since the last sync: bytes that are zero now may be others on the disk, in sectors that nobody wrote to."""

    def write(self, offset: int, content: bytes, synced: bool) -> None:
        end = offset + len(content)
        self.resize(max(len(self.current), end))
        self.current[offset:end] = content
        if synced and not self.pending:
            self.durable.extend(bytes(len(self.current) - len(self.durable)))
            self.durable[offset:end] = content
            return
        for sector in range(offset // SECTOR_BYTES, -(-end // SECTOR_BYTES)):
            version = bytes(self.current[sector * SECTOR_BYTES : (sector + 1) * SECTOR_BYTES])
            self.pending.setdefault(sector, []).append(version)
        if synced:
            self.sync()

    def resize(self, size: int) -> None:
        if size < len(self.current):
            del self.current[size:]
            self._was_cut = True
        else:
            self.current.extend(bytes(size - len(self.current)))

    def sync(self) -> None:
        if self._was_cut:
            self.durable[:] = self.current
        else:
            self.durable.extend(bytes(len(self.current) - len(self.durable)))
            for sector in self.pending:
                begin, end = sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES
                self.durable[begin:end] = self.current[begin:end]
        self._was_cut = False
        self.pending.clear()

    def lose_power(self, random: Random) -> tuple[int, int]:
        """(kept, lost) unsynced sectors."""
        content, kept = bytearray(self.durable), 0
        size = random.choice((len(self.durable), len(self.current)))
        share = random.choice(SHARES)
        for sector, versions in self.pending.items():
            if random.random() < share:
                version, begin = random.choice(versions), sector * SECTOR_BYTES
                content.extend(bytes(max(0, begin - len(content))))
                content[begin : begin + len(version)] = version
                kept += 1
        content.extend(bytes(max(0, size - len(content))))
        lost = len(self.pending) - kept
        self.durable, self.current, self.pending, self._was_cut = content, bytearray(content), {}, False
        return kept, lost


class _Directory:
    def __init__(self) -> None:
        self.current: dict[str, _File] = {}
        self.durable: dict[str, _File] = {}
        self.pending: list[dict[str, _File]] = []
        """The names after each unsynced change, oldest first: a journal keeps their order."""

    def changed(self) -> None:
        self.pending.append(dict(self.current))

    def sync(self) -> None:
        self.durable, self.pending = dict(self.current), []


class _Open:
    def __init__(self, target: _File | _Directory, life: int) -> None:
        self.target = target
        self.life = life
        self.position = 0


class SimulatedFiles:
    """One machine's; it outlives the processes that use it. Calls are those of `os`, and raise `OSError` as they do."""

    def __init__(self, condition: MemoryDisk, urandom: Random) -> None:
        """`condition` says whether the disk is full, and whether its next sync fails."""
        self.condition = condition
        self.dies_in = 0
        """How many calls from now that change something the power goes; 0: it does not."""
        self.die: Callable[[], None] = _nobody_dies
        """Told then; raises, and nothing of the call has happened."""
        self.made = False
        """An opening has got to its end: from now on a missing file is a loss."""
        self._urandom = urandom
        self._life = 0
        self._directories: dict[str, _Directory] = {"": _Directory()}
        self._descriptors: dict[int, _Open] = {}
        self._next = next(_numbers) << MACHINE_SHIFT
        _machines[self._next >> MACHINE_SHIFT] = self

    def path(self, name: str = "") -> SimulatedPath:
        return SimulatedPath(self, name)

    def copy(self) -> SimulatedFiles:
        """What is found now, for somebody who only looks."""
        other = SimulatedFiles(MemoryDisk(), Random(0))
        for name, directory in self._directories.items():
            made = other._directories[name] = _Directory()
            for file_name, file in directory.current.items():
                copied = made.current[file_name] = _File()
                copied.current, copied.durable = bytearray(file.current), bytearray(file.current)
            made.sync()
        other.made = self.made
        return other

    # -- what happens to it ---------------------------------------------------------------------------------------------

    def process_died(self) -> None:
        """Its descriptors are closed; the page cache stays."""
        self._life += 1
        self._descriptors.clear()
        self.dies_in = 0

    def lose_power(self, random: Random) -> tuple[int, int]:
        """(kept, lost) of unsynced sectors and names."""
        self.process_died()
        kept = lost = 0
        for directory in self._directories.values():
            names = random.choice([directory.durable, *directory.pending])
            lost += len(directory.pending) if names is directory.durable else 0
            for file in names.values():
                some = file.lose_power(random)
                kept, lost = kept + some[0], lost + some[1]
            directory.current, directory.durable, directory.pending = dict(names), dict(names), []
        return kept, lost

    def pending(self) -> int:
        """Unsynced sectors and names."""
        names = sum(len(directory.pending) for directory in self._directories.values())
        return names + sum(len(file.pending) for directory in self._directories.values() for file in directory.current.values())

    def change(self, path: SimulatedPath, offset: int, content: bytes) -> None:
        """Bytes go bad at rest, below everybody."""
        file = self._file(path)
        for where in (file.current, file.durable):
            where[offset : offset + len(content)] = content

    def read(self, path: SimulatedPath, offset: int, length: int) -> bytes:
        return bytes(self._file(path).current[offset : offset + length])

    # -- names ----------------------------------------------------------------------------------------------------------

    def names(self, path: SimulatedPath) -> Iterator[str]:
        return iter(sorted(self._directory(path.full_name).current))

    def exists(self, path: SimulatedPath) -> bool:
        directory = self._directories.get(path.folder)
        return path.full_name in self._directories or (directory is not None and path.file in directory.current)

    def make_directory(self, path: SimulatedPath) -> None:
        self._directories.setdefault(path.full_name, _Directory())

    def rename(self, source: SimulatedPath, target: SimulatedPath) -> None:
        self._changes()
        assert source.folder == target.folder, "a file stays in its directory"
        directory = self._directory(source.folder)
        if source.file not in directory.current:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(source))
        directory.current[target.file] = directory.current.pop(source.file)
        directory.changed()

    def unlink(self, path: SimulatedPath) -> None:
        self._changes()
        directory = self._directory(path.folder)
        if path.file not in directory.current:
            raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
        del directory.current[path.file]
        directory.changed()

    def _directory(self, name: str) -> _Directory:
        return self._directories[name]

    def _file(self, path: SimulatedPath) -> _File:
        return self._directory(path.folder).current[path.file]

    # -- calls of `os` --------------------------------------------------------------------------------------------------

    def open(self, path: SimulatedPath, flags: int) -> int:
        target: _File | _Directory
        if path.full_name in self._directories:
            target = self._directories[path.full_name]
        else:
            directory = self._directory(path.folder)
            found = directory.current.get(path.file)
            if found is None:
                if not flags & os.O_CREAT:
                    raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
                self._changes()
                found = directory.current[path.file] = _File()
                directory.changed()
            elif flags & os.O_TRUNC:
                self._changes()
                found.resize(0)
            target = found
        self._next += 1
        self._descriptors[self._next] = _Open(target, self._life)
        return self._next

    def close(self, number: int) -> None:
        """One that died with its process is closed already."""
        self._descriptors.pop(number, None)

    def pread(self, number: int, length: int, offset: int) -> bytes:
        return bytes(self._open_file(number).current[offset : offset + length])

    def write(self, number: int, content: bytes) -> int:
        opened = self._descriptors[number]
        self.pwritev(number, [content], opened.position)
        opened.position += len(content)
        return len(content)

    def pwritev(self, number: int, parts: Sequence[bytes], offset: int, flags: int = 0) -> int:
        file, content = self._open_file(number), b"".join(parts)
        if self.condition.full and offset + len(content) > len(file.current):
            raise OSError(errno.ENOSPC, "the simulated disk is full")
        self._changes_in(file, offset, content)
        synced = bool(flags & getattr(os, "RWF_DSYNC", 0))
        file.write(offset, content, synced and not self.condition.sync_fails)
        if synced:
            self._require_sync()
        return len(content)

    def resize(self, number: int, size: int) -> None:
        file = self._open_file(number)
        if self.condition.full and size > len(file.current):
            raise OSError(errno.ENOSPC, "the simulated disk is full")
        self._changes()
        file.resize(size)

    def size(self, number: int) -> int:
        return len(self._open_file(number).current)

    def sync(self, number: int) -> None:
        self._changes()
        self._require_sync()
        opened = self._opened(number)
        opened.target.sync()

    def urandom(self, size: int) -> bytes:
        return self._urandom.randbytes(size)

    def _opened(self, number: int) -> _Open:
        opened = self._descriptors.get(number)
        if opened is None or opened.life != self._life:
            raise OSError(errno.EBADF, "the process that opened it is dead")
        return opened

    def _open_file(self, number: int) -> _File:
        target = self._opened(number).target
        if isinstance(target, _Directory):
            raise IsADirectoryError(errno.EISDIR, "a directory")
        return target

    def _require_sync(self) -> None:
        if self.condition.sync_fails:
            raise OSError(errno.EIO, "the simulated disk failed to sync")

    def _changes_in(self, file: _File, offset: int, content: bytes) -> None:
        """As `_changes`, but of this write any sectors may be found."""
        if self.dies_in == 1:
            file.write(offset, content, False)
        self._changes()

    def _changes(self) -> None:
        if self.dies_in:
            self.dies_in -= 1
            if not self.dies_in:
                self.die()


class SimulatedPath:
    """What the store does with a `Path`. Names are `file`, `directory` and `directory/file`."""

    def __init__(self, files: SimulatedFiles, name: str) -> None:
        self.files = files
        self.full_name = name
        self.folder, _, self.file = name.rpartition("/")

    @property
    def name(self) -> str:
        return self.file

    @property
    def parent(self) -> SimulatedPath:
        return SimulatedPath(self.files, self.folder)

    def with_name(self, name: str) -> SimulatedPath:
        return self.parent / name

    def __truediv__(self, name: str) -> SimulatedPath:
        return SimulatedPath(self.files, f"{self.full_name}/{name}" if self.full_name else name)

    def __lt__(self, other: SimulatedPath) -> bool:
        return self.full_name < other.full_name

    def __str__(self) -> str:
        return f"disk:/{self.full_name}"

    def exists(self) -> bool:
        return self.files.exists(self)

    def iterdir(self) -> Iterator[SimulatedPath]:
        return (self / name for name in self.files.names(self))

    def rename(self, target: SimulatedPath) -> None:
        self.files.rename(self, target)

    replace = rename

    def unlink(self) -> None:
        self.files.unlink(self)


def _nobody_dies() -> None:
    """Before the machine is there."""
