"""A whole snapshot as one file, for `GET /v1/snapshot` and restore, written and read with one chunk in memory.

magic 8 bytes | format u16 | manifest length u32 | manifest | chunks, one after the other
    | with format 2: length u64 | the application's own snapshot (`machine.application.snapshot_files`)
    | SHA-256 over all before it
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from struct import Struct

from quorate_node.machine.application.snapshot_files import PIECE_BYTES, ApplicationSnapshot, check_of_cluster
from quorate_node.machine.application.snapshot_source import ApplicationSnapshotSource
from quorate_node.machine.interface import Refused
from quorate_node.machine.snapshot.limits import MANIFEST_BYTES_MAX
from quorate_node.machine.snapshot.manifest import Manifest, decode_manifest
from quorate_node.machine.snapshot.sink import DirectorySnapshotSink
from quorate_node.machine.snapshot.source import CanonicalSnapshotSource

MAGIC = b"QUORATE\x1a"
"""The last byte stops a terminal from printing more, and no text has it."""

FORMAT_PLAIN = 1
FORMAT_WITH_APPLICATION = 2
"""An older release that does not know it refuses the file, in place of losing the application's state."""
APPLICATION_FILE = "application"

_HEADER = Struct(">8sHI")
_LENGTH = Struct(">Q")
_TRAILER_BYTES = 32


async def write_snapshot_file(
    source: CanonicalSnapshotSource, application: ApplicationSnapshotSource | None = None
) -> AsyncIterator[bytes]:
    """The file of `source` in pieces of about a chunk, with the application's snapshot at the same index where there is one.

    Raises what `source.chunk` and `application.read` raise: a file without its trailer is not one.
    """
    manifest = await source.prepare()
    digest = sha256()
    head = _HEADER.pack(MAGIC, FORMAT_PLAIN if application is None else FORMAT_WITH_APPLICATION, len(manifest)) + manifest
    digest.update(head)
    yield head
    for number in range(len(decode_manifest(manifest).sizes)):
        chunk = await source.chunk(number)
        digest.update(chunk)
        yield chunk
    if application is not None:
        async for piece in _application_pieces(application):
            digest.update(piece)
            yield piece
    yield digest.digest()


async def _application_pieces(application: ApplicationSnapshotSource) -> AsyncIterator[bytes]:
    yield _LENGTH.pack(application.size_bytes)
    offset = 0
    while offset < application.size_bytes:
        piece = await application.read(offset, min(PIECE_BYTES, application.size_bytes - offset))
        if not piece:
            raise Refused("StoreUnavailable", f"the application's snapshot ends at byte {offset} of {application.size_bytes}: take another")
        offset += len(piece)
        yield piece


async def receive_snapshot_file(
    stream: AsyncIterator[bytes], directory: Path
) -> tuple[DirectorySnapshotSink, ApplicationSnapshot | None]:
    """Read a file into `directory`, verified chunk by chunk; returns the complete sink, ready to `install`, and the application's
    snapshot beside it where the file has one, verified.

    Raises `Refused("InvalidArgument")` naming the byte where the file is cut, wrong or goes on; `NoSpace`, `StoreFailed`.
    """
    reader = _Reader(stream)
    manifest, encoded, version = await _read_head(reader)
    sink = await asyncio.to_thread(DirectorySnapshotSink, directory, encoded)
    for number, size in enumerate(manifest.sizes):
        chunk = await reader.exactly(size, f"chunk {number}")
        _check_chunk(manifest, number, chunk, reader.position - size)
        await asyncio.to_thread(sink.write, number, chunk)
    path = directory / APPLICATION_FILE
    if version == FORMAT_WITH_APPLICATION:
        with await asyncio.to_thread(path.open, "wb") as file:
            await _read_application(reader, lambda piece: asyncio.to_thread(file.write, piece))
    await _read_trailer(reader)
    if version != FORMAT_WITH_APPLICATION:
        return sink, None
    header = manifest.header
    registered = (header.application_name, header.application_version)
    return sink, await asyncio.to_thread(check_of_cluster, path, header.index, registered)


async def verify_snapshot_file(stream: AsyncIterator[bytes]) -> Manifest:
    """Read a file and keep nothing. Raises as `receive_snapshot_file`; of the application's part only the whole file's hash is checked."""
    reader = _Reader(stream)
    manifest, _, version = await _read_head(reader)
    for number, size in enumerate(manifest.sizes):
        _check_chunk(manifest, number, await reader.exactly(size, f"chunk {number}"), reader.position - size)
    if version == FORMAT_WITH_APPLICATION:
        await _read_application(reader, _drop)
    await _read_trailer(reader)
    return manifest


async def _drop(_piece: bytes) -> None:
    """Nothing is kept."""


async def _read_application(reader: _Reader, keep: Callable[[bytes], Awaitable[object]]) -> None:
    (left,) = _LENGTH.unpack(await reader.exactly(_LENGTH.size, "the length of the application's snapshot"))
    while left:
        piece = await reader.exactly(min(PIECE_BYTES, left), "the application's snapshot")
        left -= len(piece)
        await keep(piece)


async def _read_head(reader: _Reader) -> tuple[Manifest, bytes, int]:
    magic, version, length = _HEADER.unpack(await reader.exactly(_HEADER.size, "the header"))
    if magic != MAGIC:
        raise _refused(f"it begins with {magic!r}, not {MAGIC!r}: this is not a Quorate snapshot")
    if version > FORMAT_WITH_APPLICATION:
        raise _refused(
            f"its format is {version}, this release reads formats up to {FORMAT_WITH_APPLICATION}: "
            "use the release that wrote it or a newer one"
        )
    if version < FORMAT_PLAIN:
        raise _refused(f"its format is {version}, this release reads {FORMAT_PLAIN} and {FORMAT_WITH_APPLICATION}")
    if length > MANIFEST_BYTES_MAX:
        raise _refused(f"its manifest has {length} bytes, the limit is {MANIFEST_BYTES_MAX}")
    encoded = await reader.exactly(length, "the manifest")
    return decode_manifest(encoded), encoded, version


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
