"""What a member's keyring is to its transport: offers in handshakes, a channel for each connection, and the passing of time.

Without a keyring nothing here is made, and members talk under TLS alone, as releases do that know no group keys.
"""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.crypto.epochs.announcement import Announcement, decode_announcement
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.derivation import RANDOM_BYTES
from quorate_node.crypto.epochs.errors import CodecError, EpochsError
from quorate_node.crypto.epochs.keyring import Keyring
from quorate_node.crypto.epochs.lifecycle import GroupState
from quorate_node.transport.channel import Channel
from quorate_node.transport.counters import SealingCounters, TransportCounters
from quorate_node.transport.errors import PeerFault
from quorate_node.transport.handshake import Hello, SealingOffer
from quorate_node.transport.interface import Clock
from quorate_node.transport.peer_socket import PeerSocket

SEALING_LOW, SEALING_HIGH = 1, 1
"""Which formats of envelopes, announcements and sealed frames this release speaks; both ends use the highest that both know."""

RandomBytes = Callable[[int], bytes]


class Sealing:
    """`random_bytes` is a source for keys: whoever can guess it, or makes it repeat, undoes what connection keys are mixed for."""

    def __init__(
        self, keyring: Keyring, clock: Clock, random_bytes: RandomBytes, frame_bytes_max: int, transport_counters: TransportCounters
    ) -> None:
        self._clock = clock
        self._random_bytes = random_bytes
        self._frame_bytes_max = frame_bytes_max
        self._transport_counters = transport_counters
        self._channels: dict[Channel, None] = {}
        self.keyring = keyring
        self.counters = SealingCounters()

    @property
    def interval_s(self) -> float:
        """How often `tick` wants to be called."""
        return self.keyring.settings.step_interval_ms / 1000

    @property
    def channels(self) -> list[Channel]:
        """Of the connections that are open, oldest first."""
        return list(self._channels)

    # Handshakes

    def offer(self, peer: int) -> SealingOffer | None:
        """For one handshake with member `peer`, never for two. None: this member has left its group."""
        if self.keyring.state is GroupState.DESTROYED:
            return None
        return SealingOffer(SEALING_LOW, SEALING_HIGH, self._random_bytes(RANDOM_BYTES), self.keyring.announcement(peer).encode())

    def accept(self, hello: Hello, socket: PeerSocket) -> tuple[SealingOffer | None, Channel]:
        """Before the answer is written: what it offers, and the channel. Close that, whatever becomes of the answer. Raises `PeerFault`.

        An end that cannot take the connection into its keyring says nothing, as a release that does not seal: keys gate no connection.
        """
        offer, theirs = self.offer(hello.member_id), hello.sealing
        if offer is None or theirs is None or not _meet(theirs):
            return None, self._channel(None, socket, dialled=False)
        announcement = _announcement_of(theirs)
        try:
            connection = self._connect(hello.member_id, offer, theirs, announcement, dialled=False)
        except EpochsError:
            self.counters.connections_refused += 1
            return None, self._channel(None, socket, dialled=False)
        return offer, self._channel(connection, socket, dialled=False)

    def dialled(self, hello: Hello, offer: SealingOffer | None, socket: PeerSocket) -> Channel:
        """The other end has answered `offer`. Raises `PeerFault`, and `EpochsError`: the connection is of no use then, dial again."""
        theirs = hello.sealing
        if offer is None or theirs is None:
            return self._channel(None, socket, dialled=True)
        if not _meet(theirs):
            raise PeerFault(f"an answer that seals in formats {theirs.format_low} to {theirs.format_high}, which were not offered")
        announced = decode_announcement(offer.announcement).sequence
        try:
            connection = self._connect(hello.member_id, offer, theirs, _announcement_of(theirs), dialled=True)
        except EpochsError:
            self.counters.connections_refused += 1
            raise
        return self._channel(connection, socket, dialled=True, announced=announced)

    def _connect(self, peer: int, offer: SealingOffer, theirs: SealingOffer, announcement: Announcement, *, dialled: bool) -> Connection:
        self.keyring.heard(peer, announcement, self.now_ms())
        return self.keyring.connect(peer, dialled=dialled, own_random=offer.random, peer_random=theirs.random)

    def _channel(self, connection: Connection | None, socket: PeerSocket, *, dialled: bool, announced: int | None = None) -> Channel:
        channel = Channel(
            self.keyring,
            connection,
            socket,
            self._clock,
            (self._transport_counters, self.counters),
            dialled=dialled,
            announced=self.keyring.version if announced is None else announced,
            frame_bytes_max=self._frame_bytes_max,
            on_closed=self._forget,
        )
        if connection is None:
            self.counters.connections_unsealed += 1
        else:
            self.counters.connections_sealing += 1
        self._channels[channel] = None
        return channel

    def _forget(self, channel: Channel) -> None:
        self._channels.pop(channel, None)

    # Time

    def tick(self) -> list[Channel]:
        """Let keys die that are due, and tell peers what has changed. Returns channels that must be closed: of a group that was left."""
        self.keyring.tick(self.now_ms())
        if self.keyring.state is GroupState.DESTROYED:
            # Each once: what is closing says goodbye to its peer first, and then closes its channel itself.
            left, self._channels = self._channels, {}
            return [channel for channel in left if channel.sealing]
        self.announce()
        return []

    def announce(self) -> None:
        """At once, what the next `tick` would tell."""
        now_s = self._clock()
        for channel in self._channels:
            channel.announce(now_s)

    def now_ms(self) -> int:
        return int(self._clock() * 1000)


def _meet(theirs: SealingOffer) -> bool:
    return theirs.format_low <= SEALING_HIGH and theirs.format_high >= SEALING_LOW


def _announcement_of(theirs: SealingOffer) -> Announcement:
    if len(theirs.random) != RANDOM_BYTES:
        raise PeerFault(f"handshake random has {len(theirs.random)} bytes; it must have {RANDOM_BYTES}")
    try:
        return decode_announcement(theirs.announcement)
    except CodecError as error:
        raise PeerFault(f"handshake: {error}", theirs.announcement) from error
