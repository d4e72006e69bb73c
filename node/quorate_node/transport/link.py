"""One outgoing connection to one peer, of one class: dialled for as long as the peer is a peer, and dialled again when lost."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum
from typing import Protocol

import aiohttp

from quorate_node.protocol.message import Message
from quorate_node.resilience.backoff import Backoff
from quorate_node.resilience.limiter import TokenBucket
from quorate_node.transport.calls import Calls
from quorate_node.transport.channel import Channel
from quorate_node.transport.context import TransportContext
from quorate_node.transport.counters import LinkStatus
from quorate_node.transport.dial import DialFailed, Dialled, dial
from quorate_node.transport.errors import HandshakeRefused, NotReady, NotSealed, OversizeFrame, PeerFault, RemovedHere
from quorate_node.transport.frames import KEEPALIVE, Frame, FrameKind, Request, decode_response
from quorate_node.transport.handshake import CLOSE_FAULT, CLOSE_REFUSED, ConnectionClass, close_reason
from quorate_node.transport.interface import PeerFailure, RequestKind
from quorate_node.transport.outbox import Outbox, Parcel
from quorate_node.transport.peer_socket import PeerSocket, SocketEnd

log = logging.getLogger(__name__)
GOING_AWAY = 1001


class Ending(Enum):
    """Why a connection, or an attempt at one, is over."""

    GOODBYE = "ended"
    ABRUPT = "broke"
    TIMEOUT = "timed out"
    REFUSED = "refused"
    FAULT = "broke the protocol"
    NOT_READY = "put off"
    NOT_REACHED = "not reached"


class LinkOwner(Protocol):
    def link_up(self) -> None: ...
    def link_down(self, ending: Ending, text: str) -> None: ...
    def dropped(self) -> None: ...


class Link:
    def __init__(
        self,
        context: TransportContext,
        session: aiohttp.ClientSession,
        member_id: int,
        url: str,
        connection_class: ConnectionClass,
        owner: LinkOwner,
    ) -> None:
        settings = context.settings
        bulk = connection_class is ConnectionClass.BULK
        self._context = context
        self._session = session
        self._owner = owner
        self._outbox = Outbox(
            settings.queue_messages_max,
            settings.bulk_queue_bytes_max if bulk else settings.heartbeat_queue_bytes_max,
            settings.batch_bytes_max,
        )
        self._calls = Calls(settings.requests_outstanding_max)
        self._backoff = Backoff(settings.backoff_base_s, settings.backoff_max_s, context.random)
        self._warnings = TokenBucket(1.0, 5, context.clock)
        self._socket: PeerSocket | None = None
        """Of the connection that can be written to; None from the first sign of its end."""
        self._current: PeerSocket | None = None
        """Of the connection that is not closed yet."""
        self._channel: Channel | None = None
        """What seals on the current connection; None without a keyring."""
        self._ending: tuple[Ending, str] | None = None
        self._sleeper: asyncio.Future[None] | None = None
        self._closing = False
        self._last_keepalive_s = 0.0
        self._connections = 0
        self.member_id = member_id
        self.url = url
        self.connection_class = connection_class
        self.last_error = ""
        self.address: tuple[str, int] | None = None
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"quorate-peer-{member_id}-{connection_class.name}")

    @property
    def connected(self) -> bool:
        return self._socket is not None

    def status(self) -> LinkStatus:
        return LinkStatus(
            self.member_id,
            self.url,
            self.connection_class.name.lower(),
            self.connected,
            len(self._outbox),
            self._outbox.bytes,
            max(0, self._connections - 1),
            self.last_error,
        )

    # Sending

    def send(self, messages: Sequence[Message]) -> None:
        """Write at once when the socket takes it, else queue; what fits nowhere is dropped, counted and told to the owner."""
        peer = self._socket
        if peer is None:
            self._context.counters.dropped_disconnected += len(messages)
            self._owner.dropped()
        elif peer.stalled_since_s is None and not self._outbox.bytes:
            self._write_messages(messages)
        else:
            dropped = sum(not self._outbox.push(message) for message in messages)
            if dropped:
                self._context.counters.dropped_queue_full += dropped
                self._owner.dropped()

    def _write_messages(self, messages: Sequence[Message]) -> None:
        try:
            frame = self._context.codec.messages(messages)
            if self._channel is not None:
                frame = self._channel.seal(frame, len(messages))
        except OversizeFrame as error:
            self._send_halves(messages, error)
            return
        except NotSealed as error:
            self._not_sealed(len(messages), error)
            return
        # failpoint: transport.send, or return
        self._context.counters.messages_sent += len(messages)
        self._write(frame)

    def _send_halves(self, messages: Sequence[Message], error: OversizeFrame) -> None:
        if len(messages) == 1:
            self._context.counters.dropped_oversize += 1
            if self._warnings.take() == 0.0:
                log.error("message of type %s to member %d dropped: %s", messages[0].type, self.member_id, error)
            self._owner.dropped()
            return
        middle = len(messages) // 2
        self.send(messages[:middle])
        self.send(messages[middle:])

    def _not_sealed(self, messages: int, error: NotSealed) -> None:
        self._context.counters.dropped_not_sealed += messages
        if self._warnings.take() == 0.0:
            log.warning("%d messages to member %d dropped: %s", messages, self.member_id, error)
        self._owner.dropped()

    def _write_parcel(self, parcel: Parcel) -> None:
        frame = parcel.frame
        if self._channel is not None:
            try:
                frame = self._channel.seal(frame, 1)
            except (NotSealed, OversizeFrame) as error:
                # Whoever asked hears in time that it was not sent.
                self._not_sealed(1, NotSealed(str(error)))
                return
        parcel.sent = True
        self._write(frame)

    def _write(self, frame: Frame) -> None:
        assert self._socket is not None
        counters = self._context.counters
        counters.frames_sent += 1
        counters.bytes_sent += len(frame)
        try:
            self._socket.write(frame)
        except OSError as error:
            # `_serve` hears of the same end and reports it; until then nothing more is written.
            self.last_error = str(error)
            self._detach()

    def _pump(self) -> None:
        """The socket takes bytes again: everything that was queued meanwhile leaves in few frames."""
        while self._outbox and self._socket is not None and self._socket.stalled_since_s is None:
            item = self._outbox.take()
            if isinstance(item, Parcel):
                if not item.abandoned:
                    self._write_parcel(item)
            else:
                self._write_messages(item)

    async def request(self, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        """Raises `PeerFailure`, `PeerRefused`."""
        if self._socket is None:
            raise PeerFailure(f"member {self.member_id} is not connected: {self.last_error or 'not dialled yet'}", sent=False)
        call_id = self._calls.open()
        try:
            parcel = Parcel(self._context.codec.request(Request(call_id, kind, payload)))
            if self._channel is not None:
                self._channel.check_size(parcel.frame)
        except OversizeFrame as error:
            self._calls.forget(call_id)
            raise PeerFailure(str(error), sent=False) from error
        self._calls.sending(call_id, parcel)
        if not self._outbox.push(parcel):
            self._calls.forget(call_id)
            raise PeerFailure(f"the queue to member {self.member_id} is full", sent=False)
        self._context.counters.requests_sent += 1
        self._pump()
        try:
            # failpoint: transport.request.after_send, awaited
            return await self._calls.answer(call_id, timeout_s)
        except PeerFailure:
            self._context.counters.requests_timed_out += 1
            raise

    # Life

    async def _run(self) -> None:
        while not self._closing:
            delay_s = await self._connect_once()
            if delay_s > 0 and not self._closing:
                await self._pause(delay_s)

    async def _connect_once(self) -> float:
        """One connection from dial to end. Returns how long to wait before the next."""
        context = self._context
        try:
            dialled = await dial(context, self._session, self.url, self.connection_class, self.member_id)
        except HandshakeRefused as refusal:
            self._failed(Ending.REFUSED, str(refusal))
            if isinstance(refusal, RemovedHere):
                context.receiver.on_removed(str(refusal))
        except NotReady as reason:
            self._failed(Ending.NOT_READY, str(reason))
        except PeerFault as fault:
            context.counters.faults += 1
            self._failed(Ending.FAULT, str(fault))
        except DialFailed as failure:
            self._failed(Ending.NOT_REACHED, str(failure))
        except Exception as error:  # noqa: BLE001 - such as a disk that does not take what must be remembered first: it is tried again,
            # because a task that ended here would leave a member that looks well and reaches nobody.
            self._failed(Ending.NOT_REACHED, f"the handshake broke at this end: {type(error).__name__}: {error}")
        else:
            since_s = context.clock()
            await self._serve(dialled)
            if context.clock() - since_s >= context.settings.backoff_max_s:
                # It had been well: come back at once. One that dies young is backed off from, lest two members spin.
                self._backoff.reset()
                return 0.0
        return self._backoff.next_delay_s()

    def _failed(self, ending: Ending, text: str) -> None:
        if text != self.last_error:
            # Once for each new reason, not for each attempt. A goodbye or a late start is nothing to worry about.
            level = logging.INFO if ending in (Ending.GOODBYE, Ending.NOT_READY) else logging.WARNING
            log.log(level, "%s connection to member %d %s: %s", self.connection_class.name.lower(), self.member_id, ending.value, text)
        self.last_error = text
        self._owner.link_down(ending, text)

    async def _pause(self, delay_s: float) -> None:
        self._sleeper = asyncio.ensure_future(self._context.sleep(delay_s))
        try:
            await asyncio.wait((self._sleeper,))
        finally:
            self._sleeper.cancel()
            self._sleeper = None

    def nudge(self) -> None:
        """The peer was heard of: do not wait out the back-off."""
        if self._sleeper is not None:
            self._sleeper.cancel()

    async def _serve(self, dialled: Dialled) -> None:
        try:
            await self._serve_channel(dialled)
        finally:
            self._channel = None
            if dialled.channel is not None:
                dialled.channel.close()

    async def _serve_channel(self, dialled: Dialled) -> None:
        peer = dialled.socket
        if self._closing:
            await self._say_goodbye(peer)
            return
        self._socket = self._current = peer
        self._channel = dialled.channel
        self._ending = None
        self.address = dialled.address
        self._last_keepalive_s = self._context.clock()
        self._connections += 1
        self._context.counters.connections += 1
        self._owner.link_up()
        try:
            peer.serve(self._on_frames if self._channel is None else self._on_enveloped, self._pump)
            end = await peer.ended()
            ending, text = self._judge(end)
            self._detach()
            if end.fault is not None:
                self._context.counters.faults += 1
                await peer.close(CLOSE_FAULT, close_reason(end.fault.told), self._context.settings.close_timeout_s)
        finally:
            self._detach()
            self._current = None
            self._calls.fail_all(f"the connection to member {self.member_id} ended")
        if not self._closing:
            self._failed(ending, text)

    def _detach(self) -> None:
        self._socket = None
        self._context.counters.dropped_disconnected += self._outbox.clear()

    def _judge(self, end: SocketEnd) -> tuple[Ending, str]:
        if end.fault is not None:
            return Ending.FAULT, str(end.fault)
        if end.code is not None:
            text = f"closed by the peer with {end.code} {end.reason}".rstrip()
            return (Ending.REFUSED if end.code == CLOSE_REFUSED else Ending.GOODBYE), text
        return self._ending or (Ending.ABRUPT, f"end of stream without a close frame ({end.reason})")

    def _on_enveloped(self, frames: list[memoryview]) -> None:
        assert self._channel is not None
        self._channel.receive(frames, self._on_frames)

    def _on_frames(self, frames: list[memoryview]) -> None:
        counters = self._context.counters
        counters.frames_received += len(frames)
        for frame in frames:
            counters.bytes_received += len(frame)
            kind, body = self._context.codec.open(frame)
            if kind == FrameKind.RESPONSE:
                self._calls.resolve(decode_response(body))
            elif kind != FrameKind.KEEPALIVE_REPLY:
                raise PeerFault(f"a frame of kind {kind} on a connection that this member dialled", frame)

    def check(self, now_s: float) -> None:
        """Called a few times a second: keeps the connection alive, and gives up one on which nothing moves."""
        settings, peer = self._context.settings, self._socket
        if peer is None or self._ending is not None:
            return
        stalled_since_s = peer.stalled_since_s
        if stalled_since_s is not None and now_s - stalled_since_s > settings.write_stall_timeout_s:
            self._context.counters.write_stalls += 1
            self._give_up(peer, f"took no bytes for {settings.write_stall_timeout_s:g} s")
        elif now_s - peer.last_read_s > settings.idle_timeout_s:
            self._context.counters.idle_timeouts += 1
            self._give_up(peer, f"silent for {settings.idle_timeout_s:g} s")
        elif stalled_since_s is None and now_s - self._last_keepalive_s >= settings.keepalive_interval_s:
            self._last_keepalive_s = now_s
            self._write(KEEPALIVE)

    def excuse(self, now_s: float) -> None:
        """Count the time limits from now on."""
        if self._socket is not None:
            self._socket.excuse(now_s)

    def _give_up(self, peer: PeerSocket, text: str) -> None:
        self._ending = (Ending.TIMEOUT, text)
        peer.abort()

    async def close(self) -> None:
        """Say goodbye; never longer than the close timeout."""
        self._closing = True
        self.nudge()
        if self._current is not None:
            await self._say_goodbye(self._current)
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def _say_goodbye(self, peer: PeerSocket) -> None:
        await peer.close(GOING_AWAY, b"shutting down", self._context.settings.close_timeout_s)
