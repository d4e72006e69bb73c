"""A member's connections, and the batches that pass through them: the part of the keyring that runs for every network batch."""

from __future__ import annotations

from collections.abc import Sequence

from quorate_node.crypto.epochs.batch import Bytes, decode_batch, encode_batch
from quorate_node.crypto.epochs.buffers import BufferPool
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.counters import EpochCounters
from quorate_node.crypto.epochs.derivation import RANDOM_BYTES
from quorate_node.crypto.epochs.epoch import Epoch, Link
from quorate_node.crypto.epochs.epoch_table import EpochTable
from quorate_node.crypto.epochs.errors import CodecError, ConnectionEnded, EpochsError, NotAMember, SenderMismatch, ValidationError
from quorate_node.crypto.epochs.header import FRAME_BYTES_MIN, decode_header
from quorate_node.crypto.epochs.opened import NoSharedEpoch, OpenedBatch, RecoveryReason, Refusal
from quorate_node.crypto.epochs.settings import EpochSettings

RANDOMS_REMEMBERED = 4_096
"""Own randoms of the last connections: one that comes again means a broken source, and could repeat a key."""


class Traffic:
    def __init__(self, member_id: int, settings: EpochSettings, table: EpochTable, counters: EpochCounters) -> None:
        self._member_id = member_id
        self._settings = settings
        self._table = table
        self._counters = counters
        self._connections: dict[int, Connection] = {}
        self._of_peer: dict[int, int] = {}
        self._number = 0
        self._randoms: dict[bytes, None] = {}
        self._sealing: dict[int, Link] = {}
        """By peer: the link's newest epoch that both ends have announced."""
        self._pool = BufferPool(settings.pool_buffers_max, settings.pool_bytes_max)
        self._frame_bytes_max = settings.batch_bytes_max + FRAME_BYTES_MIN

    # Connections

    @property
    def connections(self) -> int:
        return len(self._connections)

    def connect(self, peer: int, own_random: bytes, peer_random: bytes, *, dialled: bool) -> Connection:
        for name, random in (("own_random", own_random), ("peer_random", peer_random)):
            if len(random) != RANDOM_BYTES:
                raise ValidationError(f"{name} has {len(random)} bytes; it must have {RANDOM_BYTES}")
        if own_random in self._randoms:
            raise ValidationError("own_random was used before: every connection needs fresh random bytes; replace their source")
        open_now = self._of_peer.get(peer, 0)
        if open_now >= self._settings.connections_per_member_max:
            raise ValidationError(
                f"connections of member {peer} are {open_now}, epochs.connections_per_member_max: close those that are not in use"
            )
        self._randoms[bytes(own_random)] = None
        if len(self._randoms) > RANDOMS_REMEMBERED:
            del self._randoms[next(iter(self._randoms))]
        self._number += 1
        connection = Connection(self._number, self._member_id, peer, own_random, peer_random, dialled=dialled)
        self._connections[connection.number] = connection
        self._of_peer[peer] = open_now + 1
        for epoch in self._table.epochs:
            epoch.attach(connection)
        return connection

    def attach_all(self, epoch: Epoch) -> None:
        for connection in self._connections.values():
            epoch.attach(connection)

    def disconnect(self, connection: Connection) -> None:
        if self._connections.get(connection.number) is not connection:
            return
        connection.open = False
        del self._connections[connection.number]
        remaining = self._of_peer.pop(connection.peer) - 1
        if remaining:
            self._of_peer[connection.peer] = remaining
        for epoch in self._table.epochs:
            epoch.detach(connection)

    def close(self) -> None:
        for connection in list(self._connections.values()):
            self.disconnect(connection)
        self._sealing.clear()
        self._pool.clear()

    def _check_open(self, connection: Connection) -> None:
        if self._connections.get(connection.number) is not connection:
            raise ConnectionEnded(f"{connection!r} is not open here: connect again")

    # What runs for every batch

    def choose_all(self) -> None:
        """After epochs came or went."""
        self._sealing.clear()
        for epoch in self._table.epochs:
            for peer, link in epoch.links.items():
                if epoch.announced_by(peer):
                    self._sealing[peer] = link

    def choose(self, peer: int) -> None:
        """After `peer` announced something."""
        epoch = self._table.choose(peer)
        if epoch is None:
            self._sealing.pop(peer, None)
        else:
            self._sealing[peer] = epoch.links[peer]

    def tick(self, now_ms: int) -> None:
        for epoch in self._table.epochs:
            self._counters.steps += epoch.tick(now_ms)

    def seal(self, connection: Connection, messages: Sequence[Bytes], now_ms: int) -> bytearray | NoSharedEpoch:
        self._check_open(connection)
        counters = self._counters
        try:
            plaintext = encode_batch(messages, self._settings)
            link = self._sealing.get(connection.peer)
            if link is None:
                return self._no_shared_epoch(connection.peer, len(messages))
            counters.steps += link.sending.tick(now_ms)
            if link.sending.spent:
                return self._in_recovery(connection.peer, len(messages), RecoveryReason.STEPS_SPENT)
            frame = link.sending.seal(connection, plaintext, now_ms)
        except EpochsError:
            counters.seals_refused += 1
            raise
        counters.seals += 1
        counters.seal_messages += len(messages)
        counters.seal_bytes += len(plaintext)
        return frame

    def _no_shared_epoch(self, peer: int, messages: int) -> NoSharedEpoch:
        epochs = self._table.epochs
        if not epochs:
            reason = RecoveryReason.NO_EPOCH
        elif not any(peer in epoch.links for epoch in epochs):
            reason = RecoveryReason.NOT_A_MEMBER
        else:
            reason = RecoveryReason.NOT_ANNOUNCED
        return self._in_recovery(peer, messages, reason)

    def _in_recovery(self, peer: int, messages: int, reason: RecoveryReason) -> NoSharedEpoch:
        self._counters.recovery_batches_sent += 1
        self._counters.recovery_messages_sent += messages
        return NoSharedEpoch(peer, reason)

    def received_in_recovery(self, connection: Connection, messages: int) -> None:
        self._check_open(connection)
        counters = self._counters
        counters.recovery_batches_received += 1
        counters.recovery_messages_received += messages
        if connection.peer in self._sealing:
            counters.recovery_although_shared += messages

    def open(self, connection: Connection, frames: Sequence[Bytes], now_ms: int) -> OpenedBatch:
        self._check_open(connection)
        views = [memoryview(frame) for frame in frames]
        sizes = [max(0, min(len(view), self._frame_bytes_max) - FRAME_BYTES_MIN) for view in views]
        buffer = self._pool.take(sum(sizes))
        whole = memoryview(buffer)
        messages: list[memoryview] = []
        refusals: list[Refusal] = []
        start = 0
        for position, (view, size) in enumerate(zip(views, sizes, strict=True)):
            output = whole[start : start + size]
            try:
                messages += self._open_frame(connection, view, output, now_ms)
                start += size
            except EpochsError as error:
                self._counters.refuse_open(error)
                refusals.append(Refusal(position, error))
        self._counters.open_messages += len(messages)
        return OpenedBatch(messages, refusals, buffer, self._pool)

    def _open_frame(self, connection: Connection, frame: memoryview, output: memoryview, now_ms: int) -> list[memoryview]:
        if len(frame) > self._frame_bytes_max:
            raise CodecError(f"frame has {len(frame)} bytes; it may have {self._frame_bytes_max} (epochs.batch_bytes_max and its header)")
        header = decode_header(frame)
        peer = connection.peer
        if header.sender != peer:
            raise SenderMismatch(f"sender is {header.sender} on a connection that was authenticated as member {peer}: close it")
        epoch = self._table.find(header.epoch)
        link = epoch.links.get(peer)
        if link is None:
            raise NotAMember(f"member {peer} has no link in epoch {epoch.id}: never a member, removed, or withdrawn; drop it")
        link.receiving.open(connection, header, frame, output, now_ms)
        messages = decode_batch(output, self._settings)
        self._counters.opens += 1
        self._counters.open_bytes += len(output)
        return messages
