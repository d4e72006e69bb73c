"""The bounded queue in front of a WebSocket: its producers wait when the client is slow; nothing grows."""

from __future__ import annotations

import asyncio

from aiohttp import web


class Outbox:
    """One writer task sends text messages in order."""

    def __init__(self, socket: web.WebSocketResponse, messages_max: int) -> None:
        self._socket = socket
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(messages_max)
        self._task = asyncio.create_task(self._write())

    async def put(self, message: bytes) -> None:
        """Waits while the queue is full."""
        await self._queue.put(message)

    async def _write(self) -> None:
        while (message := await self._queue.get()) is not None:
            try:
                await self._socket.send_str(message.decode())
            except ConnectionError:
                return  # the reader of the socket sees the end of the connection too, and cleans up

    async def finish(self, timeout_s: float) -> None:
        """Send what is queued, within `timeout_s`, then stop."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._queue.put(None)
                await self._task
        except TimeoutError:
            self._task.cancel()

    def stop(self) -> None:
        self._task.cancel()
