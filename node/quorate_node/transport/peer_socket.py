"""An upgraded connection, taken over from aiohttp: frames are read and written in the socket's own callbacks.

aiohttp dials, speaks TLS and upgrades (`transport.upgrade`). From there on a received frame costs no task, no future and no further
turn of the loop: a write of a group commit waits for five such frames in a row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from quorate_node.transport.errors import PeerFault
from quorate_node.transport.interface import Clock
from quorate_node.transport.websocket_frames import (
    CLOSE,
    NO_STATUS,
    PING,
    PONG,
    FrameReader,
    binary_header,
    close_frame,
    control_frame,
    read_close,
)

JOINED_BYTES_MAX = 64 * 1024
"""Header and frame up to this size are joined for one write: cheaper than a vector of two; larger ones are not copied again."""
UNREAD_MAX = 8
"""Messages that may wait before anybody reads them; more, and the socket is not read on."""

LINGER_S = 1.0
"""How long what was written last may take to leave once the connection is closed."""

Lost = Callable[[Exception | None], None]
Frames = list[memoryview]


@dataclass(frozen=True, slots=True)
class SocketEnd:
    """Why nothing more is read. `code` None: there was no close frame."""

    code: int | None
    reason: str
    fault: PeerFault | None = None


class PeerSocket(asyncio.Protocol):
    """`receive` message by message at first, for the handshake; then `admit`, and `serve` for all that follow.

    `stalled_since_s`: since when the peer has been reading too slowly; what is written then waits in memory.
    """

    def __init__(self, transport: asyncio.Transport, *, dialled: bool, clock: Clock, hello_bytes_max: int, on_lost: Lost) -> None:
        self._transport = transport
        self._write = transport.write
        self._dialled = dialled
        self._clock = clock
        self._on_lost = on_lost
        self._reader = FrameReader(masked=not dialled, message_bytes_max=hello_bytes_max)
        self._on_frames: Callable[[Frames], None] = self._keep
        self._on_writable: Callable[[], None] | None = None
        self._unread: deque[memoryview] = deque()
        self._changed = asyncio.Event()
        self._gone = asyncio.Event()
        """Nothing more will come of an orderly close: the peer's close frame is here, or the connection is not."""
        self._over = asyncio.Event()
        self._deaf = False
        self._said_goodbye = False
        self._cut_timer: asyncio.TimerHandle | None = None
        self.end: SocketEnd | None = None
        self.last_read_s = clock()
        self.stalled_since_s: float | None = None

    def get_extra_info(self, name: str) -> Any:
        return self._transport.get_extra_info(name)

    # Reading

    def data_received(self, data: bytes) -> None:
        self.last_read_s = self._clock()
        reader = self._reader
        frames = reader.feed(data)
        if frames and not self._deaf:
            try:
                self._on_frames(frames)
            except PeerFault as fault:
                self._finish(SocketEnd(None, "", fault))
        if reader.controls or reader.fault is not None:
            self._take_controls()

    def _keep(self, frames: Frames) -> None:
        self._unread.extend(frames)
        if len(self._unread) > UNREAD_MAX:
            self._transport.pause_reading()
        self._changed.set()

    def _take_controls(self) -> None:
        reader = self._reader
        controls, reader.controls = reader.controls, []
        for control in controls:
            if control.opcode == PING and self.stalled_since_s is None and not self._said_goodbye:
                # One that reads nothing gets no pongs either: they would heap up here.
                self._write_raw(control_frame(PONG, control.payload, self._dialled))
            elif control.opcode == CLOSE:
                self._closed_by_peer(control.payload)
        if reader.fault is not None and self.end is None:
            self._finish(SocketEnd(None, "", reader.fault))

    def _closed_by_peer(self, payload: bytes) -> None:
        try:
            code, reason = read_close(payload)
        except PeerFault as fault:
            self._finish(SocketEnd(None, "", fault))
            return
        self._finish(SocketEnd(code, reason))
        self._gone.set()
        if not self._said_goodbye:
            self._say_goodbye(1000 if code == NO_STATUS else code, b"")
        self._leave()

    def _finish(self, end: SocketEnd) -> None:
        self._deaf = True
        if self.end is None:
            self.end = end
            self._over.set()
            self._changed.set()

    async def receive(self) -> memoryview | SocketEnd:
        """The next message, before `serve`."""
        while not self._unread:
            if self.end is not None:
                return self.end
            self._changed.clear()
            await self._changed.wait()
        message = self._unread.popleft()
        if not self._unread:
            self.resume_reading()
        return message

    def admit(self, frame_bytes_max: int) -> None:
        """The peer shook hands: take its larger messages too."""
        self._reader.message_bytes_max = frame_bytes_max

    def serve(self, on_frames: Callable[[Frames], None], on_writable: Callable[[], None]) -> None:
        """From now on `on_frames` is called with the messages of each read, in their order; it may raise `PeerFault`, which ends it."""
        self._on_frames = on_frames
        self._on_writable = on_writable
        if self._unread:
            frames = list(self._unread)
            self._unread.clear()
            try:
                on_frames(frames)
            except PeerFault as fault:
                self._finish(SocketEnd(None, "", fault))
        self.resume_reading()

    async def ended(self) -> SocketEnd:
        await self._over.wait()
        assert self.end is not None
        return self.end

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    # Writing

    def write(self, frame: bytes | bytearray) -> None:
        """Raises `ConnectionResetError` when the connection is at its end. A socket that is stalled takes it too: look first."""
        if self._deaf:
            raise ConnectionResetError("the connection is at its end")
        size = len(frame)
        header = binary_header(size, self._dialled)
        try:
            if size <= JOINED_BYTES_MAX:
                self._write(header + frame)
            else:
                # Not `writelines`: asyncio's in Python 3.12.0 to 3.12.8 and 3.13.0 to 3.13.1 never pauses its protocol (CVE-2024-12254),
                # and what a slow peer does not read would heap up without a bound. uvloop sends both in one system call all the same.
                self._write(header)
                self._write(frame)
        except RuntimeError as error:
            # What uvloop says of a transport that was closed by others and has not told us yet.
            raise ConnectionResetError("the connection is closed") from error

    def _write_raw(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def pause_writing(self) -> None:
        self.stalled_since_s = self._clock()

    def resume_writing(self) -> None:
        self.stalled_since_s = None
        if self._on_writable is not None and not self._deaf:
            self._on_writable()

    def excuse(self, now_s: float) -> None:
        """Count the time limits from now on."""
        self.last_read_s = now_s
        if self.stalled_since_s is not None:
            self.stalled_since_s = now_s

    # The end

    def eof_received(self) -> None:
        self._lose(None)
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut_timer is not None:
            self._cut_timer.cancel()
            self._cut_timer = None
        self._lose(exc)
        # Breaks the circle of references with the owner.
        self._on_frames = self._keep
        self._on_writable = None
        self._on_lost(exc)

    def _lose(self, exc: Exception | None) -> None:
        self._finish(SocketEnd(None, str(exc or "closed")))
        self._gone.set()

    async def close(self, code: int, reason: bytes, timeout_s: float) -> None:
        """Say goodbye and wait for the peer's, never longer than `timeout_s`; then the connection is cut."""
        self._deaf = True
        try:
            if not self._gone.is_set():
                self._say_goodbye(code, reason)
                async with asyncio.timeout(timeout_s):
                    await self._gone.wait()
        except TimeoutError:
            self._transport.abort()
        finally:
            self._leave()

    def _say_goodbye(self, code: int, reason: bytes) -> None:
        if not self._said_goodbye:
            self._said_goodbye = True
            self._write_raw(close_frame(code, reason, self._dialled))

    def _leave(self) -> None:
        """Close once what was written has left. A peer that reads nothing would hold that up for ever: not for long."""
        if self._cut_timer is None and not self._transport.is_closing():
            loop = asyncio.get_running_loop()
            # Not while its bytes are handed over: over TLS a close then reads on, finds TLS's own end behind them, and trips over itself.
            loop.call_soon(self._transport.close)
            self._cut_timer = loop.call_later(LINGER_S, self._transport.abort)

    def abort(self) -> None:
        """End the connection at once, without a close frame."""
        self._transport.abort()
