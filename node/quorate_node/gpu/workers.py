"""Threads that may be lost: a call into a driver that hangs cannot be cancelled: whoever waits gives up, and the thread is left."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Workers:
    """Daemon threads that take work in order: the process ends although one of them never comes back."""

    def __init__(self, name: str, threads: int) -> None:
        self._queue: SimpleQueue[tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._serve, name=f"{name}-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def run(self, work: Callable[[], Result]) -> asyncio.Future[Result]:
        """The work's result, or its exception, on the running loop. Whoever stops waiting for it gets neither."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._queue.put((loop, future, work))
        return future

    def close(self) -> None:
        """Let idle threads end. Does not wait: one may hang."""
        for _ in self._threads:
            self._queue.put(None)

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            loop, future, work = job
            result, failure = None, None
            try:
                result = work()
            except Exception as error:  # noqa: BLE001 - whatever it is, it belongs to whoever asked.
                failure = error
            with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(_settle, future, result, failure)


def _settle(future: asyncio.Future[Any], result: object, failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
