"""What sealing and opening give back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from quorate_node.crypto.epochs.buffers import BufferPool
from quorate_node.crypto.epochs.errors import EpochsError


class RecoveryReason(StrEnum):
    NO_EPOCH = "this member holds no epoch"
    NOT_A_MEMBER = "no epoch that this member holds has a link to the peer"
    NOT_ANNOUNCED = "the peer has announced none of the epochs that this member holds"
    STEPS_SPENT = "the epoch's chain has made all its steps: rotate the keys"


@dataclass(frozen=True, slots=True)
class NoSharedEpoch:
    """A value, not an error: keys never gate consensus. The batch leaves in the recovery class, under TLS alone, and was counted."""

    peer: int
    reason: RecoveryReason


@dataclass(frozen=True, slots=True)
class Refusal:
    position: int
    """Of the frame in the network batch."""
    error: EpochsError


class OpenedBatch:
    """The messages of all frames that opened, in order, as views of one buffer; and those that did not, each with its error.

    `release` when the messages are decoded (or use it as a context manager): the buffer is then used again, and a view that was kept
    raises `ValueError`.
    """

    __slots__ = ("_buffer", "_pool", "messages", "refusals")

    def __init__(self, messages: list[memoryview], refusals: list[Refusal], buffer: bytearray, pool: BufferPool) -> None:
        self.messages = messages
        self.refusals = refusals
        self._buffer: bytearray | None = buffer
        self._pool = pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            for message in self.messages:
                message.release()
            self.messages.clear()
            self._pool.give(buffer)
