"""Term and vote in a synced file of their own: two slots, written in turn, so that a torn write never harms the other one.

They are not in RocksDB, whose recovery may drop acknowledged records after a damaged one: a member that forgets its vote can
vote twice in a term, and two leaders are elected (Ongaro's thesis, 3.8). Each slot holds two copies in blocks of their own:
a block that goes bad *at rest* must not look like a torn write, after which the older slot would be believed.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from struct import Struct
from typing import NamedTuple, Protocol

from quorate_node.protocol.entry import CHAIN_START
from quorate_node.store.durable_file import FILE_MODE, sync_directory
from quorate_node.store.errors import HardStateLost, StoreFailed
from quorate_node.store.file_calls import sync_data

MAGIC = b"QRHSTATE"
BLOCK_BYTES = 4096
COPIES = 2
SLOTS = 2
SLOT_BYTES = BLOCK_BYTES * COPIES
FILE_BYTES = SLOT_BYTES * SLOTS
_CHECKSUM_BYTES = 16
_FIELDS = Struct(">8sQQQQQQ32sQ")


class HardStateSlot(NamedTuple):
    """`log_*` say what the log held, durably, when the slot was written: a log that is found with less has lost something."""

    sequence: int = 0
    """Counts saves; the newest valid slot wins. 0: nothing was ever saved."""
    term: int = 0
    vote: int = 0
    commit: int = 0
    log_sequence: int = 0
    log_last_index: int = 0
    log_chain: bytes = CHAIN_START
    log_end_lost: int = 0
    """1 from when the log's last batch was found damaged, its end unknown, until the log was fetched anew: opening RocksDB
    rewrites the files that tell, so this is saved first."""


class HardStateKeeper(Protocol):
    """Where term and vote live: the two-slot file, or the simulator's memory."""

    def load(self) -> HardStateSlot:
        """What it returns is durable. Raises `HardStateLost`, `StoreFailed`."""
        ...

    def save(self, slot: HardStateSlot) -> None:
        """Durable on return. Raises `StoreFailed`."""
        ...

    def close(self) -> None: ...


def encode_slot(slot: HardStateSlot) -> bytes:
    fields = _FIELDS.pack(MAGIC, *slot)
    return fields + hashlib.sha256(fields).digest()[:_CHECKSUM_BYTES]


def decode_slot(content: bytes) -> HardStateSlot | None:
    """None when the bytes are not a whole, undamaged slot."""
    fields = content[: _FIELDS.size]
    checksum = content[_FIELDS.size : _FIELDS.size + _CHECKSUM_BYTES]
    if len(fields) < _FIELDS.size or hashlib.sha256(fields).digest()[:_CHECKSUM_BYTES] != checksum:
        return None
    magic, *values = _FIELDS.unpack(fields)
    return HardStateSlot(*values) if magic == MAGIC else None


class HardStateFile:
    """The file `hard-state`, preallocated, so that a save changes no file size and fdatasync writes no metadata."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """`create` only for a data directory that never had one. Raises `HardStateLost` when it is missing otherwise."""
        self.path = path
        if not path.exists():
            if not create:
                raise HardStateLost(f"{path} is missing: {_REMEDY}")
            _create(path)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._failed = False

    def load(self) -> HardStateSlot:
        """The newest slot, durable. Raises `HardStateLost`, `StoreFailed`."""
        content = os.pread(self._descriptor, FILE_BYTES, 0)
        blocks = [content[offset : offset + BLOCK_BYTES] for offset in range(0, FILE_BYTES, BLOCK_BYTES)]
        valid = [slot for slot in map(decode_slot, blocks) if slot is not None]
        if not valid:
            raise HardStateLost(f"{self.path}: no slot of term and vote can be read: {_REMEDY}")
        newest = max(valid, key=lambda slot: slot.sequence)
        # A process that died between write and sync leaves a slot in the page cache alone, and from now on it is believed.
        self._write_again(newest)
        return newest

    def _write_again(self, slot: HardStateSlot) -> None:
        try:
            os.pwrite(self._descriptor, encode_slot(slot).ljust(BLOCK_BYTES, b"\0") * COPIES, slot.sequence % SLOTS * SLOT_BYTES)
            sync_data(self._descriptor)
        except OSError as error:
            raise StoreFailed(f"{self.path}: term and vote could not be synced: {error}") from error

    def save(self, slot: HardStateSlot) -> None:
        if self._failed:
            raise StoreFailed(f"{self.path}: a sync failed before; this member must stop")
        copy = encode_slot(slot).ljust(BLOCK_BYTES, b"\0")
        try:
            # failpoint: hard_state.save.before_write
            written = os.pwrite(self._descriptor, copy * COPIES, slot.sequence % SLOTS * SLOT_BYTES)
            # failpoint: hard_state.save.before_sync
            sync_data(self._descriptor)
            # failpoint: hard_state.save.after_sync
        except OSError as error:
            # After a failed sync the kernel may have dropped the page: a second fdatasync would claim success for nothing.
            self._failed = True
            raise StoreFailed(f"{self.path}: term and vote could not be synced: {error}") from error
        if written != SLOT_BYTES:
            self._failed = True
            raise StoreFailed(f"{self.path}: {written} of {SLOT_BYTES} bytes of term and vote were written")

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _create(path: Path) -> None:
    """Whole under its name or not at all: a half-made file would read as a lost hard state."""
    first = encode_slot(HardStateSlot()).ljust(BLOCK_BYTES, b"\0") * COPIES
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        os.pwrite(descriptor, first.ljust(FILE_BYTES, b"\0"), 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(path)
    sync_directory(path.parent)


_REMEDY = "whoever forgot its vote could vote twice; remove this member and start it with an empty data directory, as a new member"
