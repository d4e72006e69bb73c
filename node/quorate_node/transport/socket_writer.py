"""Writes frames to an aiohttp WebSocket in the same turn of the loop: no task and no wake-up a frame."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Protocol


class WebSocket(Protocol):
    """What aiohttp's client and server sides have in common."""

    async def send_bytes(self, data: bytes) -> None: ...
    def get_extra_info(self, name: str, default: Any = None) -> Any: ...


class _Resumed:
    """The rest of a coroutine that was run by hand up to its first suspension, as something a task can await."""

    def __init__(self, coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> None:
        self._coroutine = coroutine
        self._waiting_for = waiting_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waiting_for
            yield from self._coroutine.__await__()
        finally:
            self._coroutine.close()


class SocketWriter:
    """`write` returns True when the socket took the frame and more may follow at once.

    False: the frame was taken, but the peer reads slowly; hold back until `on_writable` is called. `stalled_since_s` says since when.
    aiohttp's `send_bytes` writes before it waits, so running it up to its first suspension is the whole job, nearly always.
    """

    def __init__(self, web_socket: WebSocket, clock: Callable[[], float], on_writable: Callable[[], None]) -> None:
        self._web_socket = web_socket
        self._clock = clock
        self._on_writable = on_writable
        self._task: asyncio.Task[None] | None = None
        self.stalled_since_s: float | None = None

    def write(self, frame: bytes) -> bool:
        """Raises `OSError` (`ConnectionError`) when the connection is gone."""
        assert self.stalled_since_s is None, "wait for on_writable before the next frame"
        coroutine = self._web_socket.send_bytes(frame)
        try:
            waiting_for = coroutine.send(None)
        except StopIteration:
            return True
        self.stalled_since_s = self._clock()
        self._task = asyncio.get_running_loop().create_task(self._wait(coroutine, waiting_for), name="quorate-peer-drain")
        return False

    async def _wait(self, coroutine: Coroutine[Any, Any, None], waiting_for: Any) -> None:
        try:
            await _Resumed(coroutine, waiting_for)
        except OSError:
            # The reader of this connection sees its end too, and deals with it; what was queued goes when the link does.
            return
        self.stalled_since_s = None
        self._on_writable()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None


def abort_socket(web_socket: WebSocket) -> None:
    """End a connection below TLS and WebSocket: a peer that reads nothing would hold up an orderly close for ever.

    Works on a duplicate of the descriptor, as uvloop and asyncio hand out different socket objects.
    """
    raw = web_socket.get_extra_info("socket")
    if raw is None or raw.fileno() < 0:
        return
    duplicate = socket.socket(fileno=os.dup(raw.fileno()))
    try:
        duplicate.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # not connected any more: what was wanted
    finally:
        duplicate.close()
