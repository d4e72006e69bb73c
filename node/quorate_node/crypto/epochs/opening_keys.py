"""The keys with which one connection opens: one for each step, each used for as long as frames of it may still come, and no longer."""

from __future__ import annotations

from quorate_node.crypto.epochs.chain import Chain
from quorate_node.crypto.epochs.cipher import Cipher
from quorate_node.crypto.epochs.header import HEADER_BYTES
from quorate_node.crypto.epochs.replay_window import ReplayWindow
from quorate_node.crypto.epochs.settings import EpochSettings
from quorate_node.crypto.mls.secret import Secret


class OpeningKey:
    """Of one connection at one step. The cipher is made when the first frame comes: most keys of skipped steps never see one."""

    __slots__ = ("_cipher", "_key", "_window", "left_ms", "used")

    def __init__(self, key: Secret, replay_window: int) -> None:
        self._key = key
        self._cipher: Cipher | None = None
        self._window = ReplayWindow(replay_window)
        self.used = False
        self.left_ms: int | None = None
        """When the chain went on to the next step."""

    def open(self, counter: int, frame: memoryview, output: memoryview) -> None:
        """Raises `Replayed`, `AuthenticationFailed`."""
        self._window.check(counter)
        if self._cipher is None:
            self._cipher = Cipher(self._key)
        self._cipher.open(counter, frame[:HEADER_BYTES], frame[HEADER_BYTES:], output)
        self._window.accept(counter)
        self.used = True

    def erase(self) -> None:
        self._key.erase()
        self._cipher = None


class OpeningKeys:
    """By step, ascending: steps are only ever added at the end."""

    __slots__ = ("_keys", "_newest", "_settings", "context")

    def __init__(self, context: bytes, settings: EpochSettings) -> None:
        self.context = context
        self._settings = settings
        self._keys: dict[int, OpeningKey] = {}
        self._newest = 0
        """The newest step of which this connection has opened a frame."""

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, step: int) -> OpeningKey | None:
        return self._keys.get(step)

    def add(self, step: int, key: Secret) -> OpeningKey:
        return self.put(step, OpeningKey(key, self._settings.replay_window))

    def put(self, step: int, key: OpeningKey) -> OpeningKey:
        self._keys[step] = key
        return key

    def leave(self, chain: Chain, now_ms: int) -> None:
        """The chain leaves its step: frames of this connection may still be under way, so it keeps its own key of it."""
        key = self.get(chain.step) or self.add(chain.step, chain.connection_key(self.context))
        key.left_ms = now_ms
        if len(self._keys) > self._settings.skipped_steps_max:
            self._erase(next(iter(self._keys)))

    def opened(self, step: int, key: OpeningKey) -> None:
        """A frame of `step` was opened: what it has passed by more than `late_steps_max` is erased."""
        if step <= self._newest:
            return
        self._newest = step
        floor = step - self._settings.late_steps_max
        while (oldest := next(iter(self._keys))) < floor:
            self._erase(oldest)

    def forget_late(self, now_ms: int) -> None:
        """Erase keys that were used, left behind, and had their time. An unused one opens nothing that anybody has read."""
        late_ms = self._settings.late_ms
        late = [step for step, key in self._keys.items() if key.used and key.left_ms is not None and now_ms - key.left_ms >= late_ms]
        for step in late:
            self._erase(step)

    def _erase(self, step: int) -> None:
        self._keys.pop(step).erase()

    def erase(self) -> None:
        for key in self._keys.values():
            key.erase()
        self._keys.clear()
