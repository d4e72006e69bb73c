"""Secrets in buffers that can be overwritten.

What Python can promise: a `Secret`'s own buffer is overwritten by `erase`, is compared in constant time, shows nothing in a
traceback's representation and is never pickled or copied by accident. What it cannot: the libraries below take and return `bytes`, and
such short-lived copies are freed, not overwritten; nor can it keep pages from being swapped.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import NoReturn

from quorate_node.crypto.mls.errors import LifecycleError

Octets = bytes | bytearray
"""Bytes that may lie in a buffer that can be erased."""


class Secret:
    """A secret that is erased when it is consumed. Equal when the bytes are, in constant time; unhashable."""

    __slots__ = ("_data", "_erased")

    def __init__(self, data: Octets) -> None:
        self._data = bytearray(data)
        self._erased = False

    @property
    def erased(self) -> bool:
        return self._erased

    def __len__(self) -> int:
        return len(self._data)

    def buffer(self) -> bytearray:
        """The secret itself, not a copy: to be read at once, never kept. Raises `LifecycleError` after `erase`."""
        if self._erased:
            raise LifecycleError(f"a secret of {len(self._data)} bytes was erased: it has been used, or its epoch has ended")
        return self._data

    def bytes(self) -> bytes:
        """A copy, which nothing erases: for libraries that take nothing else. Raises `LifecycleError` after `erase`."""
        return bytes(self.buffer())

    def copy(self) -> Secret:
        """A secret of its own with the same bytes: erasing one leaves the other."""
        return Secret(self.buffer())

    def erase(self) -> None:
        """Overwrite the bytes in place; again is allowed."""
        self._data[:] = bytes(len(self._data))
        self._erased = True

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.buffer(), other.buffer())

    __hash__ = None  # type: ignore[assignment]
    """A hash would be a fingerprint, and a dictionary compares in time that depends on the content."""

    def __repr__(self) -> str:
        return f"<Secret of {len(self._data)} bytes{', erased' if self._erased else ''}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a secret is neither pickled nor copied: name the bytes with bytes() where they must go elsewhere")


def erase_all(secrets: Iterable[Secret]) -> None:
    """Erase each."""
    for secret in secrets:
        secret.erase()


def same(ours: Octets, theirs: Octets) -> bool:
    """True for equal bytes, in a time that does not depend on their content."""
    return hmac.compare_digest(ours, theirs)
