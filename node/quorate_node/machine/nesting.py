"""How deep a payload may nest, looked at without recursion: what cannot be decoded must never reach the log.

A decoder skips what it does not know (a newer client's fields), however deep that nests, and gives up at a depth that depends on the
caller's stack and on Python's version. So a payload with more than its known fields is walked first, with fixed bounds.
"""

from __future__ import annotations

from struct import unpack_from

from quorate_node.machine.interface import Refused

DEPTH_MAX = 64
ITEMS_MAX = 20_000

_FIXED_BYTES = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_FIXED_BYTES |= {0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}
_SIZED = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
_SIZE_BYTES = {">B": 1, ">H": 2, ">I": 4}
_CONTAINERS = {0xDC: (">H", 1), 0xDD: (">I", 1), 0xDE: (">H", 2), 0xDF: (">I", 2)}


def check_nesting(payload: bytes) -> None:
    """Walk one well-formed msgpack value. Raises `Refused` (TooManyOperations) beyond `DEPTH_MAX` or `ITEMS_MAX`."""
    open_items = [1]
    at = items = 0
    while open_items:
        if not open_items[-1]:
            open_items.pop()
            continue
        open_items[-1] -= 1
        items += 1
        at, inside = _item(payload, at)
        if inside:
            open_items.append(inside)
        if len(open_items) > DEPTH_MAX:
            raise Refused("TooManyOperations", f"the payload nests deeper than {DEPTH_MAX}: flatten it")
        if items > ITEMS_MAX:
            raise Refused("TooManyOperations", f"unknown fields hold more than {ITEMS_MAX} items: send fewer")


def _item(payload: bytes, at: int) -> tuple[int, int]:
    """(where the next item starts, how many items are inside this one)."""
    first = payload[at]
    at += 1
    if first <= 0x7F or first >= 0xE0:
        return at, 0
    if first <= 0x8F:
        return at, 2 * (first & 0x0F)
    if first <= 0x9F:
        return at, first & 0x0F
    if first <= 0xBF:
        return at + (first & 0x1F), 0
    if first in _FIXED_BYTES:
        return at + _FIXED_BYTES[first], 0
    if first in _SIZED:
        form = _SIZED[first]
        extension = 1 if 0xC7 <= first <= 0xC9 else 0
        return at + _SIZE_BYTES[form] + int(unpack_from(form, payload, at)[0]) + extension, 0
    form, each = _CONTAINERS[first]
    return at + _SIZE_BYTES[form], each * int(unpack_from(form, payload, at)[0])
