"""Creates the client's session when the first write needs it, and a fresh one when the last has expired or gone stale."""

from __future__ import annotations

import asyncio
from collections import deque

from quorate.dispatcher import Dispatcher
from quorate.exceptions import DeadlineExceeded
from quorate.options import Options
from quorate.session import SessionWindow
from quorate.wire.commands import CommandKind, SessionClose, SessionCreate
from quorate.wire.results import SessionResult

CLOSE_TIMEOUT_S = 1.0


class SessionKeeper:
    def __init__(self, dispatcher: Dispatcher, options: Options) -> None:
        self._dispatcher = dispatcher
        self._options = options
        self._loop = asyncio.get_running_loop()
        self._window: SessionWindow | None = None
        self._creating: asyncio.Lock = asyncio.Lock()
        self._room: deque[asyncio.Future[None]] = deque()

    def ready(self, now_s: float) -> SessionWindow | None:
        """The session, when a number can be taken from it at once."""
        window = self._window
        if window is None or window.full or window.stale(now_s, self._options.session_ttl_ms):
            return None
        return window

    async def acquire(self, deadline_s: float) -> SessionWindow:
        """The session with room for one more number, creating it if need be. Raises like any call, `DeadlineExceeded` included."""
        while (window := self.ready(self._loop.time())) is None:
            if self._window is not None and self._window.full:
                await self._wait_for_room(deadline_s)
                continue
            try:
                async with asyncio.timeout_at(deadline_s):
                    await self._creating.acquire()
            except TimeoutError:
                raise DeadlineExceeded("the session could not be created before the deadline") from None
            try:
                if self.ready(self._loop.time()) is None and not (self._window is not None and self._window.full):
                    self._window = await self._create(deadline_s)
            finally:
                self._creating.release()
        return window

    def settled(self, window: SessionWindow, seq: int) -> None:
        """A write of the session is answered or given up."""
        window.settle(seq)
        while self._room and not window.full:
            waiter = self._room.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def drop(self, window: SessionWindow) -> None:
        """The members have forgotten it: the next write gets a new one. Those under way learn of it one by one."""
        if self._window is window:
            self._window = None
            while self._room:
                waiter = self._room.popleft()
                if not waiter.done():
                    waiter.set_result(None)

    async def close(self) -> None:
        """Let the members forget the session now; when they cannot be reached it expires by itself."""
        window, self._window = self._window, None
        if window is not None:
            deadline_s = self._loop.time() + CLOSE_TIMEOUT_S
            await self._dispatcher.call(CommandKind.SESSION_CLOSE, SessionClose(window.session), deadline_s)

    async def _create(self, deadline_s: float) -> SessionWindow:
        """Creating twice does no harm: a session that nobody uses expires."""
        asked_s = self._loop.time()
        future = self._dispatcher.call(CommandKind.SESSION_CREATE, SessionCreate(self._options.session_ttl_ms), deadline_s)
        result = await future
        assert isinstance(result, SessionResult)
        return SessionWindow(result.session, self._options.session_window_max, asked_s)

    async def _wait_for_room(self, deadline_s: float) -> None:
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._room.append(waiter)
        try:
            async with asyncio.timeout_at(deadline_s):
                await waiter
        except TimeoutError:
            full = f"the session's window (session_window_max: {self._options.session_window_max}) stayed full until the deadline"
            raise DeadlineExceeded(full) from None
