"""The application of simulated clusters: a list of payloads, and a hash over all of it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

import msgspec

from quorate.state_machine import Rejected, StateMachine

REJECTED_END = b"!"
"""A payload that ends so is rejected, and changes nothing."""


class Observer(Protocol):
    """Told of every command that a member's machine carries out."""

    def carried_out(self, member: str, count: int, index: int, payload: bytes, chain: bytes) -> None: ...
    def restored(self, member: str, count: int, chain: bytes) -> None: ...


class Ledger(StateMachine):
    name = "ledger"
    version = 1

    def __init__(self, member: str, observer: Observer) -> None:
        self.payloads: list[bytes] = []
        self.chain = bytes(32)
        self.breaks = False
        """The next command meets an error of this machine alone."""
        self._member = member
        self._observer = observer

    def apply(self, index: int, payload: bytes) -> bytes:
        """How many there are with this one, and the hash: so that a result tells the state that it was given in."""
        if self.breaks:
            raise MemoryError("on purpose")
        if payload.endswith(REJECTED_END):
            raise Rejected(b"rejected " + payload)
        self.payloads.append(payload)
        self.chain = sha256(self.chain + b"%d %d " % (index, self.log_time_ms) + payload).digest()
        self._observer.carried_out(self._member, len(self.payloads), index, payload, self.chain)
        return result_of(len(self.payloads), self.chain)

    def snapshot(self) -> Iterable[bytes]:
        data = msgspec.msgpack.encode((self.chain, self.payloads))
        middle = len(data) // 2
        return [data[:middle], data[middle:]]

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.chain, self.payloads = msgspec.msgpack.decode(b"".join(chunks), type=tuple[bytes, list[bytes]])
        self._observer.restored(self._member, len(self.payloads), self.chain)


def result_of(count: int, chain: bytes) -> bytes:
    return b"%d %s" % (count, chain[:8].hex().encode())
