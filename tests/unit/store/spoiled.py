"""A log in RocksDB whose entries are in sorted files, as after some time of work, and a bit of such a file that turns over."""

from __future__ import annotations

from pathlib import Path
from random import Random

from quorate_node.protocol.entry import Entry
from tests.unit.store.support import Member, change_bytes, entry, persist, put

ENTRIES = 200


def original(index: int) -> Entry:
    """With data that is found in the file as it is, and once."""
    return entry(index, data=Random(index).randbytes(3_000))


def in_files(path: Path) -> Path:
    """Entries 1 to `ENTRIES` in the log of a closed member of kind "rocksdb" in `path`; returns the database's directory."""
    member = Member("rocksdb", path)
    for index in range(1, ENTRIES + 1):
        put(member.log, persist([original(index)]))
    member.log._backend._database.flush()  # type: ignore[attr-defined]
    member.stores.close()
    return member.path / "data" / "log"


def spoil(database: Path, index: int) -> None:
    """Turn over a bit of the block with this entry."""
    wanted = original(index).data[100:200]
    (file,) = [file for file in database.glob("*.sst") if wanted in file.read_bytes()]
    content = file.read_bytes()
    at = content.index(wanted)
    change_bytes(file, at, bytes([content[at] ^ 1]))
