"""Bytes as they arrive, cut into lines of a bounded length."""

from __future__ import annotations


class LineTooLong(Exception):
    """The other side sent more than any object has without ending the line."""


class Lines:
    def __init__(self, line_bytes_max: int) -> None:
        self._line_bytes_max = line_bytes_max
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that are whole now, without their ends and without empty ones. Raises `LineTooLong`."""
        pieces = data.split(b"\n")
        self._rest += pieces[0]
        if len(pieces) == 1:
            self._check(self._rest)
            return []
        found = [bytes(self._rest), *pieces[1:-1]]
        self._rest = bytearray(pieces[-1])
        for line in found:
            self._check(line)
        self._check(self._rest)
        return [line for line in found if line.strip()]

    def _check(self, line: bytes | bytearray) -> None:
        if len(line) > self._line_bytes_max:
            raise LineTooLong(f"a line of the watch is longer than {self._line_bytes_max} bytes")
