"""Buffers for opened frames, used again when they are given back: a large batch then touches no fresh pages."""

from __future__ import annotations


class BufferPool:
    """Bounded by number and bytes. What is never given back is garbage like any other; nothing is ever handed out twice."""

    __slots__ = ("_buffers", "_buffers_max", "_bytes", "_bytes_max")

    def __init__(self, buffers_max: int, bytes_max: int) -> None:
        self._buffers_max = buffers_max
        self._bytes_max = bytes_max
        self._buffers: list[bytearray] = []
        self._bytes = 0

    def take(self, size: int) -> bytearray:
        """A buffer of at least `size` bytes, with whatever is in it."""
        for position, buffer in enumerate(self._buffers):
            if len(buffer) >= size:
                del self._buffers[position]
                self._bytes -= len(buffer)
                return buffer
        return bytearray(max(size, 4096))

    def give(self, buffer: bytearray) -> None:
        if len(self._buffers) < self._buffers_max and self._bytes + len(buffer) <= self._bytes_max:
            self._buffers.append(buffer)
            self._bytes += len(buffer)

    def clear(self) -> None:
        """Overwrite and forget what is kept."""
        for buffer in self._buffers:
            buffer[:] = bytes(len(buffer))
        self._buffers.clear()
        self._bytes = 0
