"""A secret of 32 bytes that can be overwritten.

What this promises: the buffer is one `bytearray` that nobody else holds, written by OpenSSL directly, and `erase` overwrites it in
place. What Python cannot promise: that the operating system never wrote the page to a swap file or a core dump, that a crash dump or a
debugger does not copy it, and that OpenSSL's own copies are gone (it cleanses its key schedules and HMAC states when it frees them).
"""

from __future__ import annotations

from typing import NoReturn

from quorate_node.crypto.epochs.errors import LifecycleError

SECRET_BYTES = 32
_ZEROS = bytes(SECRET_BYTES)


class SecretBuffer:
    """Not comparable, not printable, not picklable: a secret has no business there."""

    __slots__ = ("_buffer", "_erased")

    def __init__(self) -> None:
        self._buffer = bytearray(SECRET_BYTES)
        self._erased = False

    @property
    def buffer(self) -> bytearray:
        """The bytes themselves, no copy. Raises `LifecycleError` when they are erased."""
        if self._erased:
            raise LifecycleError("secret: erased; nothing can be derived from it any more")
        return self._buffer

    def erase(self) -> None:
        self._buffer[:] = _ZEROS
        self._erased = True

    def __repr__(self) -> str:
        return "SecretBuffer(erased)" if self._erased else "SecretBuffer(32 bytes)"

    def __reduce__(self) -> NoReturn:
        raise LifecycleError("secret: it is never stored; derive it again from the next epoch")

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> NoReturn:
        raise LifecycleError("secret: it is never compared; compare a value derived from it, in constant time")
