"""A member's end of the simulated network: `transport.interface.Transport`, with the wire's real frames and handshakes that are judged."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence

from quorate_node.protocol.message import Message
from quorate_node.simulator.network import Network
from quorate_node.simulator.process import Process
from quorate_node.transport.errors import HandshakeRefused
from quorate_node.transport.frames import FrameCodec, Request, Response, decode_messages, decode_request, decode_response
from quorate_node.transport.handshake import judge_versions
from quorate_node.transport.interface import Identity, LostReason, PeerFailure, PeerRefused, Receiver, RequestKind

FRAME_BYTES_MAX = 64 << 20
REDIAL_NS_MIN = 20_000_000
REDIAL_NS_MAX = 1_000_000_000
HANDSHAKE_NS = 2_000_000_000
WINDOW_NS = 1_000_000

_codec = FrameCodec(FRAME_BYTES_MAX)


class _Link:
    """An outgoing connection to one peer: dialled again and again until it is up, and whenever it is down."""

    def __init__(self, member_id: int, url: str) -> None:
        self.member_id = member_id
        self.url = url
        self.up_to: SimulatedTransport | None = None
        self.attempt = 0
        self.backoff_ns = REDIAL_NS_MIN
        self.reported: LostReason | None = None
        self.unreachable_due = False
        self.window_ns = 0
        """The millisecond that `sent` counts the messages of."""
        self.sent = 0

    def has_room(self, now_ns: int, messages: int, messages_max: int) -> bool:
        """Whether so many more can wait for the wire; then they do. A message alone always can."""
        if now_ns - self.window_ns >= WINDOW_NS:
            self.window_ns, self.sent = now_ns, 0
        if self.sent and self.sent + messages > messages_max:
            return False
        self.sent += messages
        return True


class SimulatedTransport:
    """One process's; dead with it."""

    def __init__(self, network: Network, process: Process, url: str, member_id: Callable[[], int]) -> None:
        """`member_id()`: of the receiver, as its identity has it; an identity takes long to make."""
        self.url = url
        self._own_id = 0
        """Kept from when it is known, as every frame asks for it: within one life it stays."""
        self._learn_id = member_id
        self.process = process
        self._network = network
        self._loop = network.loop
        self._receiver: Receiver | None = None
        self._links: dict[int, _Link] = {}
        self._met: dict[int, Identity] = {}
        self._answers: dict[int, asyncio.Future[Response]] = {}
        self._asked: dict[int, SimulatedTransport] = {}
        self._numbers = 0
        self._closed = False

    @property
    def receiver(self) -> Receiver:
        assert self._receiver is not None, "the transport was started"
        return self._receiver

    # -- life -----------------------------------------------------------------------------------------------------------

    async def start(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._network.listen(self)

    async def close(self) -> None:
        self._closed = True
        self._network.leave(self, died=False, seen=True)

    def set_peers(self, peers: Mapping[int, str]) -> None:
        for member_id in [member_id for member_id, link in self._links.items() if peers.get(member_id) != link.url]:
            del self._links[member_id]
        for member_id, url in peers.items():
            if member_id not in self._links:
                self._links[member_id] = _Link(member_id, url)
                self._dial(self._links[member_id])

    # -- connecting -----------------------------------------------------------------------------------------------------

    def _dial(self, link: _Link) -> None:
        if self._closed or self._links.get(link.member_id) is not link or link.up_to is not None:
            return
        link.attempt += 1
        attempt = link.attempt
        target = self._network.listening.get(link.url)
        try:
            # failpoint: transport.dial
            if target is None:
                raise ConnectionRefusedError(link.url)
            ours = self.receiver.identity()
        except Exception:  # noqa: BLE001 - whatever breaks a handshake, a link goes on as production's does
            self._retry(link, attempt)
            return
        self._network.carry((self.url, link.url), target.process, target._welcome, self, ours, link, attempt)
        self._loop.after(HANDSHAKE_NS, self.process, self._no_answer, link, attempt)
        # failpoint: transport.handshake.after_hello

    def _no_answer(self, link: _Link, attempt: int) -> None:
        if link.attempt == attempt and link.up_to is None:
            self._dial(link)

    def _retry(self, link: _Link, attempt: int) -> None:
        if link.attempt != attempt:
            return
        self._loop.after(link.backoff_ns, self.process, self._no_answer, link, attempt)
        link.backoff_ns = min(2 * link.backoff_ns, REDIAL_NS_MAX)

    def _welcome(self, dialler: SimulatedTransport, theirs: Identity, link: _Link, attempt: int) -> None:
        """At the listening end."""
        if self._closed:
            return
        ours = self.receiver.identity()
        text = self._judge(theirs, ours) if ours.member_id else "this member belongs to no cluster yet"
        removed = text is not None and self.receiver.has_removed(theirs.member_id)
        # failpoint: transport.handshake.before_answer
        self._network.carry((self.url, dialler.url), dialler.process, dialler._welcomed, self, ours, text, removed, link, attempt)

    def _welcomed(
        self, target: SimulatedTransport, theirs: Identity, refusal: str | None, removed: bool, link: _Link, attempt: int
    ) -> None:
        if removed and not self._closed:
            self._network.counters["network told of removal"] += 1
            self.receiver.on_removed(str(refusal))
        if self._closed or link.attempt != attempt or link.up_to is not None or self._links.get(link.member_id) is not link:
            return
        if refusal is None and theirs.member_id != link.member_id:
            refusal = f"another member answers at {link.url}"
        if refusal is None:
            refusal = self._judge(theirs, self.receiver.identity())
        if refusal is not None:
            self._network.counters["network refused"] += bool(theirs.member_id)
            if theirs.member_id:
                self._lost(link, LostReason.REFUSED)
            self._retry(link, attempt)
            return
        if self._network.listening.get(target.url) is not target:
            self._retry(link, attempt)  # It answered and was gone: the connection ends as soon as it is there.
            return
        link.up_to, link.reported, link.backoff_ns = target, None, REDIAL_NS_MIN
        self.receiver.on_connected(link.member_id)

    def _judge(self, theirs: Identity, ours: Identity) -> str | None:
        """As `transport.admission.judge_hello`: within one process nothing can roll back, whichever handshake comes first."""
        if not theirs.member_id or theirs.cluster_id != ours.cluster_id:
            return f"a peer of cluster {theirs.cluster_id}, this is cluster {ours.cluster_id}"
        try:
            judge_versions(ours, theirs)
        except HandshakeRefused as refused:
            return str(refused)
        met = self._met.get(theirs.member_id)
        if met is not None and (met.instance, met.boot_counter) == (theirs.instance, theirs.boot_counter):
            theirs = theirs._replace(term=max(theirs.term, met.term), last_index=max(theirs.last_index, met.last_index))
        refusal = self.receiver.admit(theirs)
        if refusal is None:
            self._met[theirs.member_id] = theirs
        elif "runs a release" in refusal:
            self._network.counters["refused for its release"] += 1
        return refusal

    def end_of(self, other: SimulatedTransport, died: bool, seen: bool) -> None:
        """The process at the other end of some of our connections is gone."""
        for number, target in list(self._asked.items()):
            if target is other and number in self._answers and not self._answers[number].done():
                self._answers[number].set_exception(PeerFailure(f"{other.url} hung up", sent=True))
        for link in list(self._links.values()):
            if link.up_to is other:
                restarted = other.url in self._network.listening
                reason = LostReason.CLOSED if not died else LostReason.DIED if seen and not restarted else LostReason.TIMEOUT
                self._network.counters[f"connection {reason.name.lower()}"] += 1
                try:
                    # failpoint: transport.death.before_report
                    self._lost(link, reason)
                finally:
                    self._dial_again(link)

    def fell_silent(self, url: str) -> None:
        for link in list(self._links.values()):
            if link.url == url and link.up_to is not None:
                self._network.counters["connection timeout"] += 1
                try:
                    self._lost(link, LostReason.TIMEOUT)
                finally:
                    self._dial_again(link)

    def _dial_again(self, link: _Link) -> None:
        """Whatever became of the report: who dials hears nothing of what its receiver does, as in production."""
        link.up_to = None
        self._retry(link, link.attempt)

    def _lost(self, link: _Link, reason: LostReason) -> None:
        was_up, link.up_to = link.up_to is not None, None
        if not self._closed and (was_up or link.reported is not reason):
            link.reported = reason
            self.receiver.on_lost(link.member_id, reason)

    # -- messages -------------------------------------------------------------------------------------------------------

    def _member_id(self) -> int:
        own_id = self._own_id = self._own_id or self._learn_id()
        return own_id

    def send(self, messages: Sequence[Message]) -> None:
        if not self.process.alive:
            return  # It died in the middle of this very callback.
        network = self._network
        batches: dict[int, list[Message]] = {}
        for message in messages:
            network.sent(message)
            batch = batches.get(message.to)
            if batch is None:
                batches[message.to] = [message]
            else:
                batch.append(message)
        frame_max, queued_max = network.options.frame_messages_max, network.queued_max
        for member_id, batch in batches.items():
            link = self._links.get(member_id)
            if link is None:
                continue
            if link.up_to is None:
                self._dropped(link)
                continue
            if queued_max and network.faulty and not link.has_room(self._loop.now_ns, len(batch), queued_max):
                network.counters["network queue full"] += 1
                self._dropped(link)
                continue
            if len(batch) <= frame_max:
                self._send_frame(link.up_to, link, batch)
                continue
            for begin in range(0, len(batch), frame_max):
                self._send_frame(link.up_to, link, batch[begin : begin + frame_max])

    def _send_frame(self, target: SimulatedTransport, link: _Link, batch: list[Message]) -> None:
        frame = _codec.messages(batch)
        sender = self._own_id or self._member_id()
        # failpoint: transport.send, or return
        network, pair = self._network, (self.url, link.url)
        if network.narrow and any(message.entries for message in batch) and network.too_narrow(pair):
            return
        recording = network.trace.recording
        flight = recording.sent(self._loop.now_ns, self.url, link.url, batch) if recording is not None else 0
        network.carry(pair, target.process, target._on_frame, sender, frame, flight)
        if network.faulty and network.doubled(pair):
            network.carry(pair, target.process, target._on_frame, sender, frame, flight)

    def _on_frame(self, sender: int, frame: bytes, flight: int) -> None:
        if self._closed:
            return
        # failpoint: transport.receive, or return
        trace, receiver = self._network.trace, self._receiver
        assert receiver is not None, "the transport was started"
        if trace.recording is not None:
            trace.recording.received(self._loop.now_ns, flight)
        messages = decode_messages(_codec.open(frame)[1], sender, self._own_id or self._member_id())
        trace.message(self.url, sender, frame, messages)
        receiver.on_messages(messages)

    def _dropped(self, link: _Link) -> None:
        if not link.unreachable_due:
            link.unreachable_due = True
            self._loop.call_soon(self._tell_unreachable, link)

    def _tell_unreachable(self, link: _Link) -> None:
        link.unreachable_due = False
        if not self._closed:
            self.receiver.on_unreachable(link.member_id)

    # -- requests -------------------------------------------------------------------------------------------------------

    async def request(self, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        link = self._links.get(member_id)
        if link is None or link.up_to is None:
            raise PeerFailure(f"member {member_id} is not connected", sent=False)
        return await self._ask(link.up_to, self.receiver.identity().member_id, kind, payload, timeout_s)

    async def request_url(self, url: str, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        target = self._network.listening.get(url)
        if target is None or (self.url, url) in self._network.blocked:
            await asyncio.sleep(0)
            raise PeerFailure(f"{url} does not answer", sent=False)
        # failpoint: transport.call.before_send, awaited
        return await self._ask(target, 0, kind, payload, timeout_s)

    async def _ask(self, target: SimulatedTransport, member_id: int, kind: RequestKind, payload: bytes, timeout_s: float) -> bytes:
        self._numbers += 1
        number = self._numbers
        frame = _codec.request(Request(number, kind, payload))
        answer: asyncio.Future[Response] = self._loop.create_future()
        self._answers[number], self._asked[number] = answer, target
        self._network.carry((self.url, target.url), target.process, target._on_request, self, member_id, frame)
        try:
            # failpoint: transport.request.after_send, awaited
            async with asyncio.timeout(timeout_s):
                response = await answer
        except TimeoutError as error:
            raise PeerFailure(f"{target.url} did not answer in time", sent=True) from error
        finally:
            del self._answers[number], self._asked[number]
            if answer.done() and not answer.cancelled():
                answer.exception()  # Heard, also where an error at the failpoint ended the call before it was waited for.
        if response.error:
            raise PeerRefused(response.error, response.message)
        return response.payload

    def _on_request(self, asker: SimulatedTransport, member_id: int, frame: bytes) -> None:
        if not self._closed:
            self._loop.spawn(self.process, self._serve(asker, member_id, decode_request(_codec.open(frame)[1])))

    async def _serve(self, asker: SimulatedTransport, member_id: int, request: Request) -> None:
        try:
            response = Response(request.id, "", "", await self.receiver.on_request(member_id, request.kind, request.payload))
        except PeerRefused as refused:
            response = Response(request.id, refused.error, refused.message, b"")
        except Exception as error:  # noqa: BLE001 - as production answers it; counted, so that a run with any can be looked into
            self._network.counters[f"request failed {type(error).__name__}"] += 1
            self._network.trace.event("request failed", self.url, request.kind, repr(error))
            response = Response(request.id, "Internal", f"{type(error).__name__} while answering", b"")
        # failpoint: transport.request.before_answer, awaited, or return
        if not self._closed and self.process.alive:
            self._network.carry((self.url, asker.url), asker.process, asker._on_response, _codec.response(response))

    def _on_response(self, frame: bytes) -> None:
        response = decode_response(_codec.open(frame)[1])
        answer = self._answers.get(response.id)
        if answer is not None and not answer.done():
            answer.set_result(response)
