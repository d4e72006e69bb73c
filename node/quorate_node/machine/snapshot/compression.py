"""Chunks on the wire: a first byte says how the rest is packed. Hashes are always over the canonical bytes, never over these."""

from __future__ import annotations

import zstandard

from quorate_node.machine.interface import Refused

PLAIN = b"\x00"
ZSTD = b"\x01"


def pack_chunk(chunk: bytes, level: int) -> bytes:
    """Pack for the wire: `level` 0 is plain, 1 to 19 is zstd's; what does not shrink goes plain."""
    if not 0 <= level <= 19:
        raise ValueError(f"compression level is {level}; it must be within 0 (none) and 19")
    if level:
        packed = zstandard.ZstdCompressor(level=level).compress(chunk)
        if len(packed) < len(chunk):
            return ZSTD + packed
    return PLAIN + chunk


def unpack_chunk(packed: bytes, size_bytes: int) -> bytes:
    """The chunk of `size_bytes` (from the manifest). Never makes more than that, whatever the frame claims.

    Raises `Refused("InvalidArgument")`.
    """
    kind, body = packed[:1], packed[1:]
    if kind == PLAIN:
        chunk = body
    elif kind == ZSTD:
        try:
            chunk = zstandard.ZstdDecompressor().stream_reader(body).read(size_bytes + 1)
        except zstandard.ZstdError as error:
            raise Refused("InvalidArgument", f"a snapshot chunk of {len(body)} packed bytes is no zstd frame: {error}") from error
    else:
        raise Refused(
            "InvalidArgument", f"a snapshot chunk is packed as {kind.hex() or 'nothing'}; this release knows 00 (plain) and 01 (zstd)"
        )
    if len(chunk) != size_bytes:
        raise Refused("InvalidArgument", f"a snapshot chunk unpacks to {len(chunk)} bytes; the manifest says {size_bytes}: fetch it again")
    return chunk
