"""One connection as the group's keys see it: what leaves is sealed, or marked as what travels without a seal; what comes is opened.

Both ends decide for themselves: this one seals with an epoch that the other end has announced, and opens whatever it holds
(docs/keys.md). What is wrong with a frame is a `PeerFault`, which ends the connection, or is counted, and the frame is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quorate_node.crypto.epochs.announcement import decode_announcement
from quorate_node.crypto.epochs.cipher import TAG_BYTES
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.errors import CodecError, EpochError, EpochsError, LifecycleError, ReplayError
from quorate_node.crypto.epochs.header import HEADER_BYTES
from quorate_node.crypto.epochs.keyring import Keyring
from quorate_node.crypto.epochs.opened import Refusal
from quorate_node.transport.counters import SealingCounters, TransportCounters, UnsealedReason
from quorate_node.transport.errors import NotSealed, OversizeFrame, PeerFault
from quorate_node.transport.frames import Frame, FrameKind
from quorate_node.transport.interface import Clock
from quorate_node.transport.peer_socket import PeerSocket

_ANNOUNCEMENT = bytes((FrameKind.ANNOUNCEMENT,))
_RECOVERY = bytes((FrameKind.RECOVERY,))
_BARE = frozenset((int(FrameKind.KEEPALIVE), int(FrameKind.KEEPALIVE_REPLY)))
"""What travels without an envelope. They say nothing; sealed, they would have the chains step on idle links."""
_BATCH_BYTES = 8
"""Of the count and the length with which one frame is sealed."""
ENVELOPE_BYTES = 1 + HEADER_BYTES + _BATCH_BYTES + TAG_BYTES
"""By how much a sealed frame is longer than the frame in it."""
AGAIN_INTERVAL_S = 0.1
"""How often a peer is told the same again because it seals with what this member cannot open."""

Frames = list[memoryview]
Take = Callable[[Frames], None]
"""Is given frames as they are without any envelope; may raise `PeerFault`."""


class Channel:
    """`connection` None: the peer's release seals nothing, or one of both ends could not; its frames are as ever, and counted.

    `announced`: the version of the keyring that this end's handshake has told.
    """

    def __init__(
        self,
        keyring: Keyring,
        connection: Connection | None,
        socket: PeerSocket,
        clock: Clock,
        counters: tuple[TransportCounters, SealingCounters],
        *,
        dialled: bool,
        announced: int,
        frame_bytes_max: int,
        on_closed: Callable[[Channel], None],
    ) -> None:
        self._keyring = keyring
        self._connection = connection
        self._clock = clock
        self._counters, self._sealing_counters = counters
        self._heard = dialled
        """Whether the other end surely has this connection's keys: it answered, or something came after our answer."""
        self._announced = announced
        self._announced_s = clock()
        self._again = False
        # The same in either class: what may leave must not depend on the keys of the moment.
        self._frame_bytes_max = min(frame_bytes_max - ENVELOPE_BYTES, keyring.settings.batch_bytes_max - _BATCH_BYTES)
        self._on_closed = on_closed
        self.socket = socket

    @property
    def sealing(self) -> bool:
        """Whether both ends can seal here; not whether they share an epoch."""
        return self._connection is not None

    def close(self) -> None:
        """The connection is over: its keys die."""
        if self._connection is not None:
            self._keyring.disconnect(self._connection)
        self._on_closed(self)

    # Sending

    def check_size(self, frame: Frame) -> None:
        """Raises `OversizeFrame`."""
        if self._connection is not None and len(frame) > self._frame_bytes_max:
            raise OversizeFrame(
                f"a frame of {len(frame)} bytes is over {self._frame_bytes_max}: transport.frame_bytes_max or epochs.batch_bytes_max,"
                " less its seal"
            )

    def seal(self, frame: Frame, messages: int) -> Frame:
        """What is to be written in place of `frame`, at once and in this order. Raises `OversizeFrame`, `NotSealed`."""
        connection = self._connection
        if connection is None:
            self._sealing_counters.unsealed[UnsealedReason.NOT_OFFERED] += messages
            return frame
        self.check_size(frame)
        if not self._heard:
            reason = UnsealedReason.UNANSWERED
        else:
            try:
                sealed = self._keyring.seal(connection, (frame,), self._now_ms())
            except EpochsError as error:
                raise NotSealed(str(error)) from error
            if isinstance(sealed, bytearray):
                sealed.insert(0, FrameKind.SEALED)
                return sealed
            reason = UnsealedReason(sealed.reason)
        self._sealing_counters.unsealed[reason] += messages
        return _RECOVERY + frame

    def announce(self, now_s: float) -> None:
        """Say which epochs this member can open, when that has changed, or when the peer seems not to know it."""
        changed = self._announced != self._keyring.version
        again = self._again and now_s - self._announced_s >= AGAIN_INTERVAL_S
        if self._connection is None or not (changed or again) or self.socket.stalled_since_s is not None:
            return
        frame = _ANNOUNCEMENT + self._keyring.announcement(self._connection.peer).encode()
        try:
            self.socket.write(frame)
        except OSError:
            return  # It is at its end; the next handshake says the same.
        self._announced, self._announced_s, self._again = self._keyring.version, now_s, False
        self._sealing_counters.announcements_sent += 1
        self._counters.frames_sent += 1
        self._counters.bytes_sent += len(frame)

    # Receiving

    def receive(self, frames: Frames, take: Take) -> None:
        """Give `take` what is in these frames, in their order, the frames of one class together. Raises `PeerFault`."""
        if self._connection is None:
            self._sealing_counters.received_unsealed += len(frames)
            take(frames)
            return
        self._heard = True
        start = 0
        while start < len(frames):
            kind = frames[start][0] if frames[start] else 0
            stop = start + 1
            while stop < len(frames) and frames[stop] and frames[stop][0] == kind:
                stop += 1
            run = frames[start:stop] if stop - start < len(frames) else frames
            self._receive(self._connection, kind, run, take)
            start = stop

    def _receive(self, connection: Connection, kind: int, run: Frames, take: Take) -> None:
        if kind == FrameKind.SEALED:
            self._open(connection, [frame[1:] for frame in run], take)
        elif kind in _BARE:
            take(run)
        elif kind == FrameKind.RECOVERY:
            self._counters.bytes_received += len(run)
            self._take_in_recovery(connection, [frame[1:] for frame in run], take)
        elif kind == FrameKind.ANNOUNCEMENT:
            for frame in run:
                self._hear(connection, frame)
        else:
            raise PeerFault(f"a frame of kind {kind}, neither sealed nor marked as recovery, on a connection that seals", run[0])

    def _open(self, connection: Connection, run: Frames, take: Take) -> None:
        try:
            opened = self._keyring.open(connection, run, self._now_ms())
        except LifecycleError:
            self._sealing_counters.refused["Destroyed"] += len(run)
            return  # This member has left the group, and the connection is about to be closed.
        with opened:
            fault = self._judge(run, opened.refusals, opened.messages)
            self._counters.bytes_received += ENVELOPE_BYTES * len(opened.messages)
            try:
                if opened.messages:
                    take(opened.messages)
            except PeerFault as inner:
                inner.sealed = True
                raise
        if fault is not None:
            raise fault

    def _judge(self, run: Frames, refusals: Sequence[Refusal], opened: Frames) -> PeerFault | None:
        """What ends the connection, if anything does: then `opened` loses what came behind it."""
        counters = self._sealing_counters
        if len(opened) != len(run) - len(refusals):
            del opened[:]
            return PeerFault(f"{len(run) - len(refusals)} sealed frames with other than one frame in each")
        for dropped, refusal in enumerate(refusals):
            error = refusal.error
            counters.refused[type(error).__name__] += 1
            if isinstance(error, EpochError):
                self._again = True
            elif not isinstance(error, ReplayError):
                del opened[refusal.position - dropped :]
                return PeerFault(f"{type(error).__name__}: {error}", run[refusal.position])
        if self._again:
            self.announce(self._clock())
        return None

    def _take_in_recovery(self, connection: Connection, run: Frames, take: Take) -> None:
        before = self._counters.messages_received
        others = sum(not frame or frame[0] & 0x7F != FrameKind.MESSAGES for frame in run)
        try:
            take(run)
        finally:
            try:
                self._keyring.received_in_recovery(connection, self._counters.messages_received - before + others)
            except LifecycleError:
                self._sealing_counters.refused["Destroyed"] += len(run)

    def _hear(self, connection: Connection, frame: memoryview) -> None:
        try:
            announcement = decode_announcement(frame[1:])
        except CodecError as error:
            raise PeerFault(str(error), frame) from error
        try:
            self._keyring.heard(connection.peer, announcement, self._now_ms())
        except EpochsError as error:
            self._sealing_counters.refused[type(error).__name__] += 1

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)
