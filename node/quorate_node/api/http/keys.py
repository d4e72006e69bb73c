"""Keys and ranges in the API: prefixes become ranges, empty keys are refused."""

from __future__ import annotations

from msgspec import UnsetType

from quorate_node.api.http.decoding import as_bytes
from quorate_node.api.http.problem import Problem

TO_THE_END = b"\x00"


def prefix_end(prefix: bytes) -> bytes:
    """The end of the range of keys that begin with `prefix`; `TO_THE_END` when there is no greater key."""
    trimmed = prefix.rstrip(b"\xff")
    if not trimmed:
        return TO_THE_END
    return trimmed[:-1] + bytes((trimmed[-1] + 1,))


def key_range(key: bytes | str, range_end: bytes | str | UnsetType, prefix: bool) -> tuple[bytes, bytes]:
    """(key, range_end) of a request. Raises `Problem` EmptyKey or InvalidArgument."""
    key_bytes = as_bytes(key)
    if isinstance(range_end, UnsetType):
        if prefix:
            return key_bytes or b"\x00", prefix_end(key_bytes)
        end = b""
    else:
        if prefix:
            raise Problem("InvalidArgument", "fields `range_end` and `prefix`: both are set; send one of them")
        end = as_bytes(range_end)
    if not key_bytes:
        raise Problem("EmptyKey", 'field `key`: it is empty; a key has at least one byte (all keys: "prefix": true)')
    return key_bytes, end
