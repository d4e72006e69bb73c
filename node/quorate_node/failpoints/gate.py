"""Where a paused place waits: threads and coroutines alike, let go together."""

from __future__ import annotations

import asyncio
import threading


class Gate:
    def __init__(self) -> None:
        self._opened = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self.held = 0
        """How many wait here now."""

    def wait(self) -> None:
        """Blocks the thread, also the loop's: that is what was asked for. `open` must come from another one then."""
        with self._lock:
            self.held += 1
        try:
            self._opened.wait()
        finally:
            with self._lock:
                self.held -= 1

    async def wait_awaited(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._opened.is_set():
                return
            future: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, future))
            self.held += 1
        try:
            await future
        finally:
            with self._lock:
                self.held -= 1

    def open(self) -> None:
        """From any thread; for good."""
        with self._lock:
            self._opened.set()
            waiting, self._waiting = self._waiting, []
        for loop, future in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_let_go, future)


def _let_go(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
