"""Which counters of one key were opened: a window of bits behind the newest one (as in RFC 4303 section 3.4.3)."""

from __future__ import annotations

from quorate_node.crypto.epochs.errors import Replayed


class ReplayWindow:
    """`check` before the frame is authenticated, `accept` after: a forged frame must not use up a genuine one's counter."""

    __slots__ = ("_mask", "_newest", "_seen", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._mask = (1 << size) - 1
        self._newest = -1
        self._seen = 0
        """Bit n: the counter `newest - n` was opened."""

    def check(self, counter: int) -> None:
        """Raises `Replayed`."""
        behind = self._newest - counter
        if behind < 0:
            return
        if behind >= self._size:
            raise Replayed(f"counter is {counter}, {behind} behind the newest; epochs.replay_window is {self._size}")
        if self._seen >> behind & 1:
            raise Replayed(f"counter is {counter}, which was opened before: a frame opens once")

    def accept(self, counter: int) -> None:
        """`counter` has passed `check`."""
        ahead = counter - self._newest
        if ahead <= 0:
            self._seen |= 1 << -ahead
            return
        # A jump beyond the window forgets all of it; a shift by the jump itself could be of 2^64 bits.
        self._seen = ((self._seen << ahead) & self._mask if ahead < self._size else 0) | 1
        self._newest = counter
