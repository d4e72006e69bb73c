"""The sealing side of a link in one epoch: when its chain steps, and that no key and nonce meet twice.

The chain steps when the interval is over since the first frame that was sealed at its step: at most once in an interval, never without
traffic, and on an idle link the last key dies one interval after it was used (`tick`).
"""

from __future__ import annotations

from quorate_node.crypto.epochs.chain import Chain
from quorate_node.crypto.epochs.cipher import TAG_BYTES, Cipher
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.errors import KeyExhausted
from quorate_node.crypto.epochs.header import HEADER_BYTES, Header
from quorate_node.crypto.epochs.identity import EpochId
from quorate_node.crypto.epochs.settings import EpochSettings
from quorate_node.crypto.mls.secret import Secret


class SealingKey:
    """Of one connection at one step. Its counter is the nonce; it only ever goes up."""

    __slots__ = ("bytes", "cipher", "counter")

    def __init__(self, cipher: Cipher) -> None:
        self.cipher = cipher
        self.counter = 0
        self.bytes = 0


class SendingLink:
    def __init__(self, epoch: EpochId, sender: int, key: Secret, settings: EpochSettings) -> None:
        self._epoch = epoch
        self._sender = sender
        self._settings = settings
        self._chain = Chain(key)
        self._used_since_ms: int | None = None
        self._keys: dict[int, SealingKey] = {}

    @property
    def step(self) -> int:
        return self._chain.step

    def tick(self, now_ms: int) -> bool:
        """Step if it is due. True when it stepped."""
        used_since_ms = self._used_since_ms
        if used_since_ms is None or now_ms - used_since_ms < self._settings.step_interval_ms or self.spent:
            return False
        self._keys.clear()
        self._chain.advance()
        self._used_since_ms = None
        return True

    @property
    def spent(self) -> bool:
        """The chain has made all the steps that it may: the epoch is over for this link, though far from the header's limit."""
        return self._chain.step >= self._settings.steps_max

    def seal(self, connection: Connection, plaintext: bytes, now_ms: int) -> bytearray:
        """The frame: header, ciphertext, tag. `tick` was called with the same time. Raises `KeyExhausted`; nothing is used up then."""
        key = self._keys.get(connection.number)
        if key is None:
            key = self._keys[connection.number] = SealingKey(self._chain.cipher(connection.context))
        settings, size, counter = self._settings, len(plaintext), key.counter
        if counter >= settings.frames_per_key_max:
            raise KeyExhausted(f"key has sealed {counter} frames; epochs.frames_per_key_max is {settings.frames_per_key_max}: {self._wait}")
        if key.bytes + size > settings.bytes_per_key_max:
            raise KeyExhausted(
                f"key has sealed {key.bytes} bytes, {size} more pass epochs.bytes_per_key_max {settings.bytes_per_key_max}: {self._wait}"
            )
        # Counted before it is used: whatever happens below, this nonce is never taken again.
        key.counter = counter + 1
        key.bytes += size
        if self._used_since_ms is None:
            self._used_since_ms = now_ms
        header = Header(self._epoch, self._sender, self._chain.step, counter).encode()
        frame = bytearray(HEADER_BYTES + size + TAG_BYTES)
        frame[:HEADER_BYTES] = header
        with memoryview(frame) as view:
            key.cipher.seal(counter, header, plaintext, view[HEADER_BYTES:])
        return frame

    @property
    def _wait(self) -> str:
        return f"the next step brings another, within {self._settings.step_interval_ms} ms"

    def detach(self, connection: Connection) -> None:
        self._keys.pop(connection.number, None)

    def erase(self) -> None:
        self._keys.clear()
        self._chain.erase()
