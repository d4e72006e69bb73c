"""A connection that sends exactly the bytes it is told to, and reads answers one by one."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import msgspec


class RawAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


class RawConnection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def open(cls, port: int) -> RawConnection:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**24))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self, timeout_s: float = 5.0) -> RawAnswer:
        """The next answer. Raises `asyncio.IncompleteReadError` at the end of the connection."""
        async with asyncio.timeout(timeout_s):
            return await self.rest(await self.reader.readuntil(b"\r\n\r\n"))

    async def rest(self, head: bytes, *, has_body: bool = True) -> RawAnswer:
        """The answer whose head was read."""
        line, *fields = head.decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        if not has_body:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = await self._chunked()
        else:
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return RawAnswer(int(line.split()[1]), headers, body)

    async def _chunked(self) -> bytes:
        chunks: list[bytes] = []
        while size := int(await self.reader.readline(), 16):
            chunks.append(await self.reader.readexactly(size))
            await self.reader.readexactly(2)
        await self.reader.readline()
        return b"".join(chunks)

    async def ended(self, timeout_s: float = 5.0) -> bool:
        """Whether the server closes the connection, with nothing more to read."""
        async with asyncio.timeout(timeout_s):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True

    async def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> RawAnswer:
        self.send(request(method, target, body, **headers))
        return await self.answer()

    def close(self) -> None:
        self.writer.close()


def request(method: str, target: str, body: bytes | None = None, **headers: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
        if "content_type" not in headers:
            lines.append("Content-Type: application/json")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (body or b"")
