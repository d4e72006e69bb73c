"""The opening side of a link in one epoch: follows the sender's chain, and no further than authentic frames lead it.

Connections of one link share the chain and may overtake each other. When the chain moves on, each connection keeps its own key of the
steps in between until its own frames have passed them; the chain's key itself is overwritten, so that a later connection, or whoever
steals this memory, can derive nothing of those steps.
"""

from __future__ import annotations

from quorate_node.crypto.epochs.chain import Chain
from quorate_node.crypto.epochs.connection import Connection
from quorate_node.crypto.epochs.errors import StepConsumed, StepTooFar
from quorate_node.crypto.epochs.header import Header
from quorate_node.crypto.epochs.opening_keys import OpeningKey, OpeningKeys
from quorate_node.crypto.epochs.settings import EpochSettings
from quorate_node.crypto.mls.secret import Secret


class ReceivingLink:
    def __init__(self, key: Secret, settings: EpochSettings) -> None:
        self._settings = settings
        self._chain = Chain(key)
        self._used_since_ms: int | None = None
        """When the first frame of the chain's own step was opened."""
        self._connections: dict[int, OpeningKeys] = {}

    @property
    def step(self) -> int:
        """Every earlier one was left behind."""
        return self._chain.step

    def attach(self, connection: Connection) -> None:
        self._connections[connection.number] = OpeningKeys(connection.context, self._settings)

    def detach(self, connection: Connection) -> None:
        self._connections.pop(connection.number).erase()

    def open(self, connection: Connection, header: Header, frame: memoryview, output: memoryview, now_ms: int) -> None:
        """Plaintext into `output`. Raises `AuthenticationFailed`, `Replayed`, `StepConsumed`, `StepTooFar`: nothing has changed then."""
        keys, step = self._connections[connection.number], header.step
        key = keys.get(step)
        if key is None:
            if step < self._chain.step:
                raise StepConsumed(
                    f"step is {step}, whose key this connection does not have any more; the link is at {self._chain.step}."
                    " Connect again if this lasts"
                )
            if step > self._chain.step:
                self._open_ahead(keys, header, frame, output, now_ms)
                return
            key = keys.add(step, self._chain.connection_key(keys.context))
        key.open(header.counter, frame, output)
        self._opened(keys, key, step, now_ms)

    def _open_ahead(self, keys: OpeningKeys, header: Header, frame: memoryview, output: memoryview, now_ms: int) -> None:
        """The chain moves only when the frame is authentic: else anybody could push it beyond where the sender is."""
        step, skipped = header.step, header.step - self._chain.step
        if skipped > self._settings.skipped_steps_max:
            raise StepTooFar(
                f"step is {step}, {skipped} ahead of {self._chain.step}; epochs.skipped_steps_max is {self._settings.skipped_steps_max}"
            )
        chain = self._chain.ahead(step)
        key = OpeningKey(chain.connection_key(keys.context), self._settings.replay_window)
        chain.erase()
        try:
            key.open(header.counter, frame, output)
        except BaseException:
            key.erase()
            raise
        self._move(step, now_ms)
        keys.put(step, key)
        self._opened(keys, key, step, now_ms)

    def _opened(self, keys: OpeningKeys, key: OpeningKey, step: int, now_ms: int) -> None:
        keys.opened(step, key)
        if step == self._chain.step and self._used_since_ms is None:
            self._used_since_ms = now_ms

    def _move(self, step: int, now_ms: int) -> None:
        chain = self._chain
        while chain.step < step:
            for keys in self._connections.values():
                keys.leave(chain, now_ms)
            chain.advance()
        self._used_since_ms = None

    def tick(self, now_ms: int) -> None:
        """The key of a step that was used dies here too, when no later frame comes."""
        if self._used_since_ms is not None and now_ms - self._used_since_ms >= self._settings.receive_settle_ms:
            self._move(self._chain.step + 1, now_ms)
        for keys in self._connections.values():
            keys.forget_late(now_ms)

    def erase(self) -> None:
        for keys in self._connections.values():
            keys.erase()
        self._connections.clear()
        self._chain.erase()
