"""Marks of application commands that are in the log but were never applied: a session's duplicates, and what was refused.

The log alone does not say so (that depends on the sessions at that time), so the machine notes it in the same atomic write as the
entry. Refusals are rare, and so are the marks; they are this member's own (`meta`, never in a snapshot) and go with the log.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from quorate_node.machine.application.items import Place
from quorate_node.machine.records import LOCAL_PREFIX

if TYPE_CHECKING:
    from quorate_node.store.interface import StateBatch, StateReader

_PREFIX = LOCAL_PREFIX + b"application/refused/"
_PLACE = Struct(">QI")


def mark_refused(batch: StateBatch, meta: str, index: int, position: int) -> None:
    """The command at `position` of entry `index` is not given to the application's machine."""
    batch.put(_PREFIX + _PLACE.pack(index, position), b"", meta)


def refused_places(reader: StateReader, from_index: int, to_index: int) -> set[Place]:
    """All marks of entries from `from_index` to `to_index`, both included."""
    places: set[Place] = set()
    for key in reader.keys("meta", _PREFIX + _PLACE.pack(from_index, 0), _PREFIX + _PLACE.pack(to_index + 1, 0)):
        index, position = _PLACE.unpack_from(key, len(_PREFIX))
        places.add((index, position))
    return places


def forget_refused(batch: StateBatch, meta: str, up_to_index: int) -> None:
    """The log up to `up_to_index` is gone: nobody asks any more."""
    batch.delete_range(_PREFIX, _PREFIX + _PLACE.pack(up_to_index + 1, 0), meta)
