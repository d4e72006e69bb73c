"""Appends on their way to one member: a window limited by messages and by bytes."""

from __future__ import annotations

from collections import deque


class Inflights:
    """Holds (last index, bytes) of every unacknowledged append, oldest first."""

    __slots__ = ("_bytes", "_bytes_max", "_messages_max", "_window")

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        assert messages_max > 0
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._bytes = 0
        self._window: deque[tuple[int, int]] | None = None
        """Made with the first append: followers keep a window a member that they never use, and an empty one is not small."""

    def add(self, last_index: int, size_bytes: int) -> None:
        """Note an append. Only called when not full; one message may overshoot the bytes, else a large entry could never leave."""
        assert not self.full(), "an append was sent into a full window"
        if self._window is None:
            self._window = deque()
        assert not self._window or self._window[-1][0] < last_index
        self._window.append((last_index, size_bytes))
        self._bytes += size_bytes

    def free_up_to(self, index: int) -> None:
        """Acknowledged: everything with a last index at or below `index`."""
        window = self._window
        while window and window[0][0] <= index:
            self._bytes -= window.popleft()[1]
        assert self._bytes >= 0

    def clear(self) -> None:
        self._window = None
        self._bytes = 0

    def full(self) -> bool:
        window = self._window
        if window is None:
            return False
        return len(window) >= self._messages_max or (self._bytes_max > 0 and self._bytes >= self._bytes_max)

    def __len__(self) -> int:
        return len(self._window) if self._window is not None else 0
