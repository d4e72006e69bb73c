"""The manifest of a snapshot: what it is of, the size and SHA-256 of every chunk, and the hash over the whole canonical stream.

The header and the whole hash do not depend on the chunk size: two members at the same index are compared by `whole_hash`.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import msgspec

from quorate_node.machine.interface import Refused
from quorate_node.machine.snapshot.limits import CHUNK_BYTES_MAX, CHUNKS_MAX, MANIFEST_BYTES_MAX
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import SnapshotMetadata

SNAPSHOT_FORMAT = 2
HASH_BYTES = 32


class SnapshotHeader(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What a snapshot is of. Equal on all members at the same index. Fields are only ever appended."""

    cluster_id: int
    index: int
    term: int
    chain: bytes
    configuration: Configuration
    revision: int
    compacted_revision: int = 0
    log_time_ms: int = 0
    cluster_version: int = 0
    application_name: str = ""
    application_version: int = 0

    def metadata(self) -> SnapshotMetadata:
        return SnapshotMetadata(self.index, self.term, self.configuration, self.chain)


class Manifest(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """`sizes` in bytes; `hashes` are the chunks' SHA-256, one after the other, 32 bytes each."""

    format: int
    header: SnapshotHeader
    chunk_bytes: int
    sizes: tuple[int, ...]
    hashes: bytes
    whole_hash: bytes
    """SHA-256 over the encoded header and all chunks (`whole_hasher`)."""

    def chunk_hash(self, number: int) -> bytes:
        return self.hashes[number * HASH_BYTES : (number + 1) * HASH_BYTES]

    def total_bytes(self) -> int:
        return sum(self.sizes)

    def expect(self, metadata: SnapshotMetadata, cluster_id: int) -> None:
        """Raises `Refused` unless this is the snapshot that `metadata` names, of that cluster."""
        found = self.header.metadata()
        for field in ("index", "term", "chain", "configuration"):
            if getattr(found, field) != getattr(metadata, field):
                raise _refused(f"manifest.{field}", getattr(found, field), f"expected {getattr(metadata, field)!r}: ask for that snapshot")
        if self.header.cluster_id != cluster_id:
            raise _refused("manifest.cluster_id", self.header.cluster_id, f"this member belongs to cluster {cluster_id}")


def whole_hasher(header: SnapshotHeader) -> Any:
    """The hash that the chunks are then fed to, in order: SHA-256(format, header as msgpack, canonical stream)."""
    return sha256(bytes([SNAPSHOT_FORMAT]) + msgspec.msgpack.encode(header))


def encode_manifest(manifest: Manifest) -> bytes:
    return msgspec.msgpack.encode(manifest)


class _FormatOnly(msgspec.Struct, array_like=True):
    """The manifest's first field, whatever comes after it in another format."""

    format: int


_FORMAT = msgspec.msgpack.Decoder(_FormatOnly)
_MANIFEST = msgspec.msgpack.Decoder(Manifest)


def decode_manifest(data: bytes) -> Manifest:
    """Raises `Refused("InvalidArgument")`: too large, of a newer format, or inconsistent in itself."""
    if len(data) > MANIFEST_BYTES_MAX:
        raise _refused("manifest", f"{len(data)} bytes", f"the limit is {MANIFEST_BYTES_MAX} bytes")
    try:
        found = _FORMAT.decode(data).format
        if found > SNAPSHOT_FORMAT:
            raise _refused(
                "manifest.format",
                found,
                f"this release reads formats up to {SNAPSHOT_FORMAT}: use the release that wrote it or a newer one",
            )
        manifest = _MANIFEST.decode(data)
    except msgspec.MsgspecError as error:
        raise _refused("manifest", f"{len(data)} bytes", f"it cannot be decoded: {error}") from error
    _check(manifest)
    return manifest


def _check(manifest: Manifest) -> None:
    chunks = len(manifest.sizes)
    if manifest.format != SNAPSHOT_FORMAT:
        raise _refused("manifest.format", manifest.format, f"this release reads format {SNAPSHOT_FORMAT}")
    if chunks > CHUNKS_MAX:
        raise _refused("manifest.sizes", f"{chunks} chunks", f"the limit is {CHUNKS_MAX}: use a larger chunk size")
    for number, size in enumerate(manifest.sizes):
        if not 0 < size <= CHUNK_BYTES_MAX:
            raise _refused(f"manifest.sizes[{number}]", size, f"a chunk has 1 to {CHUNK_BYTES_MAX} bytes")
    if len(manifest.hashes) != chunks * HASH_BYTES:
        raise _refused("manifest.hashes", f"{len(manifest.hashes)} bytes", f"{chunks} chunks need {chunks * HASH_BYTES}")
    if len(manifest.whole_hash) != HASH_BYTES:
        raise _refused("manifest.whole_hash", f"{len(manifest.whole_hash)} bytes", f"it has {HASH_BYTES}")


def _refused(field: str, value: object, why: str) -> Refused:
    return Refused("InvalidArgument", f"snapshot {field} is {value}: {why}")
