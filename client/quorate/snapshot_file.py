"""Snapshot files on the client's side: receive and check, check offline, send.

magic `QUORATE\\x1a` | format u16 | manifest length u32 | manifest | chunks | SHA-256 over all that comes before it
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO

import aiohttp

from quorate.answers import Restored, SnapshotInfo
from quorate.exceptions import OutcomeUnknown, SnapshotDamaged, Unreachable
from quorate.failures import in_words
from quorate.http_calls import HttpCalls, error_of, read_answer

MAGIC = b"QUORATE\x1a"
HEADER_BYTES = 8 + 2 + 4
TRAILER_BYTES = 32
PIECE_BYTES = 1024 * 1024
Progress = Callable[[int, int | None], None]


def verify_snapshot(path: Path, progress: Progress | None = None) -> SnapshotInfo:
    """Check a file without any cluster. Raises `SnapshotDamaged` saying what is wrong, `OSError` when it cannot be read."""
    size_bytes = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        if not head.startswith(MAGIC):
            raise SnapshotDamaged(f"{path} is no snapshot file: it does not begin with the magic bytes")
        if size_bytes < HEADER_BYTES + TRAILER_BYTES:
            raise SnapshotDamaged(f"{path} is cut short: {size_bytes} bytes; take the snapshot again")
        manifest_bytes = int.from_bytes(head[10:14], "big")
        if HEADER_BYTES + manifest_bytes + TRAILER_BYTES > size_bytes:
            raise SnapshotDamaged(f"{path} is cut short: its manifest alone has {manifest_bytes} bytes; take the snapshot again")
        file.seek(0)
        digest = _hash(file, size_bytes - TRAILER_BYTES, size_bytes, progress)
        trailer = file.read(TRAILER_BYTES)
    if trailer != digest:
        raise SnapshotDamaged(
            f"{path} is damaged or cut short: SHA-256 is {digest.hex()}, its trailer says {trailer.hex()}; take the snapshot again"
        )
    return SnapshotInfo(str(path), size_bytes, digest.hex())


def _hash(file: BinaryIO, hashed_bytes: int, size_bytes: int, progress: Progress | None) -> bytes:
    digest = hashlib.sha256()
    left = hashed_bytes
    while left:
        piece = file.read(min(PIECE_BYTES, left))
        if not piece:
            break
        digest.update(piece)
        left -= len(piece)
        if progress is not None:
            progress(size_bytes - left, size_bytes)
    return digest.digest()


async def receive_snapshot(calls: HttpCalls, path: Path, progress: Progress | None, timeout_s: float) -> SnapshotInfo:
    """GET /v1/snapshot into `path`: written beside it first, so that `path` never names half a snapshot."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    last: Unreachable | None = None
    for _ in range(len(calls.endpoints.urls)):
        url, wait_s = calls.endpoints.choose(asyncio.get_running_loop().time(), prefer_leader=False)
        await asyncio.sleep(wait_s)
        try:
            async with asyncio.timeout(timeout_s):
                index, revision = await _download(calls, url, partial, progress)
            checked = await asyncio.to_thread(verify_snapshot, partial)
            await asyncio.to_thread(_publish, partial, path)
            return SnapshotInfo(str(path), checked.size_bytes, checked.sha256, index, revision)
        except (aiohttp.ClientError, ConnectionError) as failed:
            last = Unreachable(f"snapshot of {url}: {in_words(failed)}")
            calls.endpoints.failed(url, asyncio.get_running_loop().time())
        finally:
            partial.unlink(missing_ok=True)
    assert last is not None, "there is at least one endpoint"
    raise last


async def _download(calls: HttpCalls, url: str, partial: Path, progress: Progress | None) -> tuple[int, int]:
    timeout = aiohttp.ClientTimeout(total=None, connect=calls.options.connect_timeout_s, sock_read=60)
    async with calls.http.get(f"{url}/v1/snapshot", timeout=timeout) as answer:
        if answer.status != 200:
            raise error_of(await answer.content.read(64 * 1024), answer.status, f"GET /v1/snapshot of {url}")
        received = 0
        with partial.open("wb") as file:
            async for piece in answer.content.iter_chunked(PIECE_BYTES):
                await asyncio.to_thread(file.write, piece)
                received += len(piece)
                if progress is not None:
                    progress(received, answer.content_length)
        headers = answer.headers
        return int(headers.get("x-quorate-index", "0")), int(headers.get("x-quorate-revision", "0"))


def _publish(partial: Path, path: Path) -> None:
    """Give the file its name once its bytes are on disk, and the name once the directory is."""
    with partial.open("rb+") as file:
        os.fsync(file.fileno())
    partial.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


async def send_snapshot(
    calls: HttpCalls, path: Path, token: str, endpoint: str | None, progress: Progress | None, timeout_s: float
) -> Restored:
    """POST /v1/restore to one member. Not sent twice: a member that took it knows the token."""
    info = await asyncio.to_thread(verify_snapshot, path)
    url = endpoint or calls.endpoints.urls[0]
    timeout = aiohttp.ClientTimeout(total=timeout_s, connect=calls.options.connect_timeout_s)
    headers = {"content-type": "application/octet-stream", "content-length": str(info.size_bytes)}
    try:
        async with calls.http.post(
            f"{url}/v1/restore", params={"token": token}, data=_pieces(path, info.size_bytes, progress), headers=headers, timeout=timeout
        ) as answer:
            content = await answer.read()
            if answer.status >= 300:
                raise error_of(content, answer.status, f"POST /v1/restore of {url}")
            return read_answer(content, Restored, f"POST /v1/restore of {url}")
    except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as failed:
        raise Unreachable(f"restore: {url}: {in_words(failed)}") from failed
    except (TimeoutError, aiohttp.ClientError, OSError) as failed:
        raise OutcomeUnknown(f"restore: the connection to {url} was lost ({failed!r}); ask its status") from failed


async def _pieces(path: Path, size_bytes: int, progress: Progress | None) -> AsyncIterator[bytes]:
    sent = 0
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
            sent += len(piece)
            if progress is not None:
                progress(sent, size_bytes)
