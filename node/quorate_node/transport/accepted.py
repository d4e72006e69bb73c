"""One connection that a peer dialled: its messages go to the replica, its requests are answered on it."""

from __future__ import annotations

import asyncio
import logging

from quorate_node.protocol.message import Message
from quorate_node.transport import restricted
from quorate_node.transport.binding import is_for_non_voting
from quorate_node.transport.channel import Channel
from quorate_node.transport.context import TransportContext
from quorate_node.transport.errors import NotSealed, OversizeFrame, PeerFault
from quorate_node.transport.frames import KEEPALIVE_REPLY, Frame, FrameKind, Request, Response, decode_messages, decode_request
from quorate_node.transport.handshake import ConnectionClass, Hello
from quorate_node.transport.interface import PeerRefused, RequestKind
from quorate_node.transport.peer_socket import PeerSocket

log = logging.getLogger(__name__)

CALL_KINDS = frozenset((RequestKind.PROBE, RequestKind.JOIN))
"""What one who was not admitted may ask."""
MESSAGES = int(FrameKind.MESSAGES)
PERMISSION_DENIED = "PermissionDenied"


class Accepted:
    def __init__(self, context: TransportContext, peer: PeerSocket, hello: Hello, channel: Channel | None = None) -> None:
        self._context = context
        self._socket = peer
        self._channel = channel
        self._serving: set[asyncio.Task[None]] = set()
        self._writable = asyncio.Event()
        self._own_id = context.receiver.identity().member_id
        self._takes_messages = hello.connection_class is not ConnectionClass.CALL
        self._non_voting = is_for_non_voting(peer.get_extra_info("peercert"))
        self.hello = hello
        self.connection_class = hello.connection_class
        self.member_id = hello.member_id
        self.given_up = False
        """We ended it, for silence or because its successor came: its end says nothing of the peer's process."""

    async def serve(self) -> bool:
        """Until the end. True: it ended without a close frame. Raises `PeerFault`."""
        self._socket.serve(self._on_frames if self._channel is None else self._on_enveloped, self._on_writable)
        try:
            end = await self._socket.ended()
        finally:
            for task in self._serving:
                task.cancel()
        if end.fault is not None:
            raise end.fault
        return end.code is None and not self.given_up

    def _on_enveloped(self, frames: list[memoryview]) -> None:
        """As `_on_frames`, for a connection that may seal. Raises `PeerFault`."""
        assert self._channel is not None
        self._channel.receive(frames, self._on_frames)

    def _on_frames(self, frames: list[memoryview]) -> None:
        """The messages of all frames of one read go to the replica together: it takes one turn for them all. Raises `PeerFault`."""
        context = self._context
        counters, codec = context.counters, context.codec
        counters.frames_received += len(frames)
        # failpoint: transport.receive, or return
        messages: list[Message] = []
        try:
            for frame in frames:
                counters.bytes_received += len(frame)
                # The kind that nearly all have is told apart here, without a call.
                kind, body = (MESSAGES, frame[1:]) if frame and frame[0] == MESSAGES else codec.open(frame)
                if kind == MESSAGES and self._takes_messages:
                    decoded = decode_messages(body, self.member_id, self._own_id)
                    if self._non_voting:
                        decoded = self._heard(decoded)
                    if messages:
                        messages += decoded
                    else:
                        messages = decoded
                else:
                    self._on_odd_frame(kind, body, frame)
        finally:
            # Those before a fault came whole and in order.
            if messages:
                counters.messages_received += len(messages)
                context.receiver.on_messages(messages)

    def _heard(self, messages: list[Message]) -> list[Message]:
        """Raises `PeerFault`."""
        counters = self._context.counters
        try:
            found = restricted.heard(messages, self._context.receiver.identity().term)
        except PeerFault:
            counters.non_voting_messages += 1
            raise
        counters.non_voting_messages += len(messages) - len(found)
        return found

    def _on_odd_frame(self, kind: int, body: memoryview, frame: memoryview) -> None:
        if kind == FrameKind.KEEPALIVE:
            if self._socket.stalled_since_s is None:
                # Behind a backlog it would be late, and the backlog itself shows that we live.
                self._write(KEEPALIVE_REPLY)
        elif kind == FrameKind.REQUEST and self.connection_class is not ConnectionClass.HEARTBEAT:
            self._on_request(decode_request(body))
        else:
            raise PeerFault(f"a frame of kind {kind} on a {self.connection_class.name} connection that the peer dialled", frame)

    def _on_request(self, request: Request) -> None:
        if self.connection_class is ConnectionClass.CALL and request.kind not in CALL_KINDS:
            raise PeerFault(f"request kind {request.kind} needs a connection of an admitted member")
        if self._non_voting and (refusal := restricted.refusal(request.kind, request.payload)):
            self._context.counters.non_voting_requests += 1
            self._write(self._context.codec.response(Response(request.id, PERMISSION_DENIED, refusal, b"")))
            return
        if len(self._serving) >= self._context.settings.requests_served_max:
            self._context.counters.requests_over_limit += 1
            limit = self._context.settings.requests_served_max
            text = f"{limit} requests of this peer are being answered, transport.requests_served_max"
            self._write(self._context.codec.response(Response(request.id, "TooManyRequests", text, b"")))
            if self._socket.stalled_since_s is not None:
                # It asks and does not read: refusals must not heap up here without end.
                self._socket.pause_reading()
            return
        task = asyncio.get_running_loop().create_task(self._answer(request), name=f"quorate-peer-{self.member_id}-request")
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    def _on_writable(self) -> None:
        self._writable.set()
        self._socket.resume_reading()

    async def _answer(self, request: Request) -> None:
        self._context.counters.requests_served += 1
        try:
            receiver, non_voting = self._context.receiver, self._non_voting
            payload = await receiver.on_request(self.member_id, request.kind, request.payload, non_voting=non_voting)
            frame = self._context.codec.response(Response(request.id, "", "", payload))
            if self._channel is not None:
                self._channel.check_size(frame)
        except PeerRefused as refusal:
            self._context.counters.non_voting_requests += self._non_voting and refusal.error == PERMISSION_DENIED
            frame = self._context.codec.response(Response(request.id, refusal.error, refusal.message, b""))
        except OversizeFrame as error:
            frame = self._context.codec.response(Response(request.id, "Internal", str(error), b""))
        except Exception as error:
            # The asker must hear that its request failed, or it waits out its timeout; the log has where.
            log.exception("request of kind %d of member %d failed", request.kind, self.member_id)
            frame = self._context.codec.response(Response(request.id, "Internal", f"{type(error).__name__} while answering", b""))
        # failpoint: transport.request.before_answer, awaited, or return
        while self._socket.stalled_since_s is not None:
            self._writable.clear()
            await self._writable.wait()
        self._write(frame)

    def _write(self, frame: Frame) -> None:
        try:
            if self._channel is not None and frame is not KEEPALIVE_REPLY:
                frame = self._channel.seal(frame, 1)
            self._socket.write(frame)
        except NotSealed:
            self._context.counters.dropped_not_sealed += 1
            return
        except ConnectionResetError:
            return  # `serve` ends with the connection, and nobody waits for this answer
        self._context.counters.frames_sent += 1
        self._context.counters.bytes_sent += len(frame)

    def check(self, now_s: float) -> None:
        """Give up a connection on which nothing moves."""
        settings, stalled_since_s = self._context.settings, self._socket.stalled_since_s
        if stalled_since_s is not None and now_s - stalled_since_s > settings.write_stall_timeout_s:
            self._context.counters.write_stalls += 1
            self._give_up(f"took no bytes for {settings.write_stall_timeout_s:g} s")
        elif now_s - self._socket.last_read_s > settings.idle_timeout_s:
            self._context.counters.idle_timeouts += 1
            self._give_up(f"silent for {settings.idle_timeout_s:g} s")

    def excuse(self, now_s: float) -> None:
        """Count the time limits from now on."""
        self._socket.excuse(now_s)

    def _give_up(self, text: str) -> None:
        if not self.given_up:
            log.warning("%s connection from member %d given up: %s", self.connection_class.name.lower(), self.member_id, text)
            self.abandon()

    def abandon(self) -> None:
        self.given_up = True
        self._socket.abort()

    async def close(self, code: int, reason: bytes) -> None:
        """Say goodbye; never longer than the close timeout."""
        self.given_up = True
        await self._socket.close(code, reason, self._context.settings.close_timeout_s)
