"""All bytes that Python's objects hold: whatever the garbage collector knows, and what that refers to."""

from __future__ import annotations

import gc
from contextlib import suppress

_HOLDERS = (bytes, bytearray, memoryview, int)
_PLAIN = frozenset({*_HOLDERS, str, float, bool, type(None), type, type(gc)})


def heap() -> bytes:
    """The contents of every `bytes`, `bytearray`, `memoryview` and long integer that an object holds, one after the other.

    What only a local variable of a running function holds is not among it: the collector does not know running frames.
    """
    gc.collect()
    level: list[object] = gc.get_objects()
    held: dict[int, object] = {}
    seen: set[int] = set()
    while level:
        referents = gc.get_referents(*level)
        held.update({id(found): found for found in referents if isinstance(found, _HOLDERS)})
        # What the collector tracks was in the first level. What it does not, such as a tuple of nothing but bytes, is followed.
        others = {id(found): found for found in referents if type(found) not in _PLAIN and not gc.is_tracked(found)}
        level = [found for name, found in others.items() if name not in seen]
        seen.update(others)
    parts: list[bytes] = []
    for found in held.values():
        if isinstance(found, int):
            if found.bit_length() >= 128:
                parts.append(found.to_bytes(found.bit_length() // 8 + 1, "big", signed=True))
        else:
            # A released memoryview holds nothing any more.
            with suppress(ValueError):
                parts.append(bytes(found))  # type: ignore[call-overload]
    return b"\x00".join(parts)


def masked(secret: bytes | bytearray) -> tuple[int, ...]:
    """A form of a secret that a search for it does not find."""
    return tuple(byte ^ 0x5A for byte in secret)


def found_in_heap(wanted: dict[str, tuple[int, ...]]) -> set[str]:
    """The names of those masked secrets of which the heap holds the first or the last 16 bytes."""
    everything = heap()
    return {
        name for name, mask in wanted.items() if any(bytes(byte ^ 0x5A for byte in half) in everything for half in (mask[:16], mask[-16:]))
    }
