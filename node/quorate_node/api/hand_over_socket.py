"""A local door for whoever stops this process: a Unix socket on which one word moves the leadership elsewhere first.

A preStop hook uses it (`quorate_node.hand_over`). Only this process's own user reaches the socket, so it needs no certificate, no port and
no token, and works while the API asks for all of them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

logger = logging.getLogger(__name__)

WORD = b"hand over\n"
PATIENCE_S = 5.0
"""For the word to come. The answer takes as long as a transfer does."""


class HandOverSocket:
    """`hand_over()` returns what was done, in words; it raises nothing but what is a bug."""

    def __init__(self, path: Path, hand_over: Callable[[], Awaitable[str]]) -> None:
        self._path = path
        self._hand_over = hand_over
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises `OSError`. A socket that an earlier life left is taken over."""
        if self._path.is_socket():
            self._path.unlink()
        self._server = await asyncio.start_unix_server(self._serve, self._path, limit=len(WORD), backlog=4)
        self._path.chmod(0o600)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                word = await reader.readexactly(len(WORD))
            text = await self._hand_over() if word == WORD else "error: this socket takes one word, 'hand over'"
            logger.info("asked to hand over before this process is stopped: %s", text)
            writer.write(f"{text}\n".encode())
            await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            logger.debug("nothing came of a connection to %s: %s", self._path, error)
        finally:
            writer.close()
