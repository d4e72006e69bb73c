"""Members with keyrings, connected to each other, for the tests of the group keys."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from itertools import count

from quorate_node.crypto.epochs.batch import Bytes
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.identity import EpochGrant
from quorate_node.crypto.epochs.keyring import Cause, Keyring
from quorate_node.crypto.epochs.settings import DEFAULT, EpochSettings
from quorate_node.crypto.mls.secret import Secret

GROUP = b"group of the tests"
_randoms = count()


def exporter(group_id: bytes, number: int) -> Secret:
    """What MLS would export: equal on all members, different in each epoch."""
    return Secret(sha256(b"exporter" + group_id + number.to_bytes(8, "big")).digest())


def grant(number: int, members: Sequence[int], group_id: bytes = GROUP) -> EpochGrant:
    return EpochGrant(group_id, number, members, exporter(group_id, number))


def fresh_random() -> bytes:
    """32 bytes that no test has had before, and the same in every run."""
    return sha256(b"random" + next(_randoms).to_bytes(8, "big")).digest()


def install(keyring: Keyring, number: int, members: Sequence[int], now_ms: int = 0, cause: Cause = Cause.UPDATE) -> None:
    keyring.install(grant(number, members), index=number, cause=cause, now_ms=now_ms)


def announce(source: Keyring, target: Keyring, now_ms: int = 0) -> bool:
    return target.heard(source.member_id, source.announcement(target.member_id), now_ms)


def connect(dialler: Keyring, acceptor: Keyring) -> tuple[Connection, Connection]:
    """The dialler's end and the acceptor's, in the order of a real handshake."""
    one, other = fresh_random(), fresh_random()
    accepted = acceptor.connect(dialler.member_id, dialled=False, own_random=other, peer_random=one)
    return dialler.connect(acceptor.member_id, dialled=True, own_random=one, peer_random=other), accepted


class Pair:
    """Members 1 and 2 with one connection, dialled by 1, in epoch 1 of a group that may have more members."""

    def __init__(self, settings: EpochSettings = DEFAULT, members: Sequence[int] = (1, 2)) -> None:
        self.a, self.b = Keyring(1, 1, settings), Keyring(2, 1, settings)
        self.members = members
        self.now_ms = 0
        self.epoch = 0
        self.next_epoch()
        self.to_b, self.to_a = connect(self.a, self.b)

    def next_epoch(self, members: Sequence[int] | None = None) -> None:
        self.epoch += 1
        for keyring in (self.a, self.b):
            install(keyring, self.epoch, members or self.members, self.now_ms)
        announce(self.a, self.b, self.now_ms)
        announce(self.b, self.a, self.now_ms)

    def pass_ms(self, elapsed_ms: int) -> None:
        self.now_ms += elapsed_ms
        self.a.tick(self.now_ms)
        self.b.tick(self.now_ms)

    def seal(self, *messages: Bytes, connection: Connection | None = None) -> bytearray:
        frame = self.a.seal(connection or self.to_b, messages, self.now_ms)
        assert isinstance(frame, bytearray), frame
        return frame

    def open(self, *frames: Bytes, connection: Connection | None = None) -> list[bytes]:
        """The messages, all of whose frames must open. Raises the first refusal."""
        with self.b.open(connection or self.to_a, frames, self.now_ms) as batch:
            for refusal in batch.refusals:
                raise refusal.error
            return [bytes(message) for message in batch.messages]
