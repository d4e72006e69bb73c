"""A whole snapshot as one file, for `GET /v1/snapshot` and restore, written and read with one chunk in memory.

magic 8 bytes | format u16 | manifest length u32 | manifest | chunks, one after the other | SHA-256 over all before it
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from struct import Struct

from quorate_node.machine.interface import Refused
from quorate_node.machine.snapshot.limits import MANIFEST_BYTES_MAX
from quorate_node.machine.snapshot.manifest import SNAPSHOT_FORMAT, Manifest, decode_manifest
from quorate_node.machine.snapshot.sink import DirectorySnapshotSink
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource

MAGIC = b"QUORATE\x1a"
"""The last byte stops a terminal from printing more, and no text has it."""

_HEADER = Struct(">8sHI")
_TRAILER_BYTES = 32


async def write_snapshot_file(source: CanonicalSnapshotSource) -> AsyncIterator[bytes]:
    """The file of `source` in pieces of about a chunk. Raises what `source.chunk` raises: a file without its trailer is not one."""
    manifest = await source.prepare()
    digest = sha256()
    head = _HEADER.pack(MAGIC, SNAPSHOT_FORMAT, len(manifest)) + manifest
    digest.update(head)
    yield head
    for number in range(len(decode_manifest(manifest).sizes)):
        chunk = await source.chunk(number)
        digest.update(chunk)
        yield chunk
    yield digest.digest()


async def receive_snapshot_file(stream: AsyncIterator[bytes], directory: Path) -> DirectorySnapshotSink:
    """Read a file into `directory`, verified chunk by chunk; returns the complete sink, ready to `install`.

    Raises `Refused("InvalidArgument")` naming the byte where the file is cut, wrong or goes on; `NoSpace`, `StoreFailed`.
    """
    reader = _Reader(stream)
    manifest, encoded = await _read_head(reader)
    sink = await asyncio.to_thread(DirectorySnapshotSink, directory, encoded)
    for number, size in enumerate(manifest.sizes):
        chunk = await reader.exactly(size, f"chunk {number}")
        _check_chunk(manifest, number, chunk, reader.position - size)
        await asyncio.to_thread(sink.write, number, chunk)
    await _read_trailer(reader)
    return sink


async def verify_snapshot_file(stream: AsyncIterator[bytes]) -> Manifest:
    """Read a file and keep nothing. Raises as `receive_snapshot_file`."""
    reader = _Reader(stream)
    manifest, _ = await _read_head(reader)
    for number, size in enumerate(manifest.sizes):
        _check_chunk(manifest, number, await reader.exactly(size, f"chunk {number}"), reader.position - size)
    await _read_trailer(reader)
    return manifest


async def _read_head(reader: _Reader) -> tuple[Manifest, bytes]:
    magic, version, length = _HEADER.unpack(await reader.exactly(_HEADER.size, "the header"))
    if magic != MAGIC:
        raise _refused(f"it begins with {magic!r}, not {MAGIC!r}: this is not a Quorate snapshot")
    if version > SNAPSHOT_FORMAT:
        raise _refused(
            f"its format is {version}, this release reads formats up to {SNAPSHOT_FORMAT}: use the release that wrote it or a newer one"
        )
    if version != SNAPSHOT_FORMAT:
        raise _refused(f"its format is {version}, this release reads {SNAPSHOT_FORMAT}")
    if length > MANIFEST_BYTES_MAX:
        raise _refused(f"its manifest has {length} bytes, the limit is {MANIFEST_BYTES_MAX}")
    encoded = await reader.exactly(length, "the manifest")
    return decode_manifest(encoded), encoded


async def _read_trailer(reader: _Reader) -> None:
    expected = reader.digest.digest()
    found = await reader.exactly(_TRAILER_BYTES, "the SHA-256 trailer")
    if found != expected:
        raise _refused(f"its SHA-256 trailer is {found.hex()}, its content has {expected.hex()}: fetch or copy it again")
    end = reader.position
    if await reader.more():
        raise _refused(f"it goes on after its trailer, which ends at byte {end}")


def _check_chunk(manifest: Manifest, number: int, chunk: bytes, start: int) -> None:
    if sha256(chunk).digest() != manifest.chunk_hash(number):
        raise _refused(
            f"chunk {number} (bytes {start} to {start + len(chunk) - 1}) has another SHA-256 than its manifest says: copy it again"
        )


def _refused(why: str) -> Refused:
    return Refused("InvalidArgument", f"the snapshot file cannot be read: {why}")


class _Reader:
    """Exact reads from pieces of any size; holds at most what was asked for and one piece."""

    def __init__(self, stream: AsyncIterator[bytes]) -> None:
        self.position = 0
        self.digest = sha256()
        """Over all that was returned."""
        self._stream = stream
        self._buffer = bytearray()

    async def exactly(self, count: int, what: str) -> bytes:
        while len(self._buffer) < count:
            piece = await anext(self._stream, None)
            if piece is None:
                end = self.position + len(self._buffer)
                raise _refused(f"it is cut at byte {end}, inside {what}, which ends at byte {self.position + count}")
            self._buffer += piece
        data = bytes(memoryview(self._buffer)[:count])
        del self._buffer[:count]
        self.position += count
        self.digest.update(data)
        return data

    async def more(self) -> bool:
        while not self._buffer:
            piece = await anext(self._stream, None)
            if piece is None:
                return False
            self._buffer += piece
        return True
