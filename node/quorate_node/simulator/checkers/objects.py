"""Which keys must be judged together: a history falls into objects that no operation connects."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from quorate.wire.commands import LeaseRevoke, Put, Txn
from quorate_node.simulator.checkers.model import looked_at, span
from quorate_node.simulator.history import NEVER_NS

if TYPE_CHECKING:
    from quorate_node.simulator.checkers.search import Move


class _Union:
    """Disjoint sets (Tarjan 1975), with halved paths."""

    def __init__(self) -> None:
        self._parent: dict[bytes, bytes] = {}

    def find(self, name: bytes) -> bytes:
        parent = self._parent
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    def join(self, names: list[bytes]) -> None:
        for name in names[1:]:
            self._parent[self.find(name)] = self.find(names[0])


def objects_of(moves: Iterable[Move], ended: Mapping[int, list[int]]) -> Iterator[tuple[list[bytes], list[Move]]]:
    """(keys, moves) of each object, in the order of their first moves; a lease that a key has may end, as a move of its own.

    `ended`: for each time that it may have, the revision at which it seems to have done so.
    """
    known = list(moves)
    ends = _ends_of_leases(known, ended)
    universe = sorted({key for move in known for key, _ in looked_at(move.request)})
    union = _Union()
    touched = [_names(move.request, universe) for move in known]
    for names in touched:
        union.join(names)
    objects: dict[bytes, list[Move]] = {}
    keys: dict[bytes, dict[bytes, None]] = {}
    for move, names in zip(known, touched, strict=True):
        if names:
            root = union.find(names[0])
            objects.setdefault(root, []).append(move)
            keys.setdefault(root, {}).update(dict.fromkeys(name[1:] for name in names if name[:1] == b"k"))
    for name, several in ends.items():
        objects[union.find(name)] += several
    for root, joined in objects.items():
        yield sorted(keys[root]) or [b"(a lease)"], joined


def _names(request: object, universe: list[bytes]) -> list[bytes]:
    """Keys as b"k..." and leases as b"l..." that a request connects."""
    names: list[bytes] = []
    for key, range_end in looked_at(request):
        if not range_end:
            names.append(b"k" + key)
            continue
        start, end = span(key, range_end)
        high = len(universe) if end is None else bisect_left(universe, end)
        names += [b"k" + each for each in universe[bisect_left(universe, start) : high]]
    return names + [b"l%d" % lease for lease in leases_of(request)]


def leases_of(request: object) -> Iterator[int]:
    """Leases that a request attaches or revokes."""
    if isinstance(request, LeaseRevoke) or (isinstance(request, Put) and request.lease):
        yield request.lease
    elif isinstance(request, Txn):
        for operation in (*request.success, *request.failure):
            yield from leases_of(operation.put or operation.txn)


def _ends_of_leases(moves: list[Move], ended: Mapping[int, list[int]]) -> dict[bytes, list[Move]]:
    """A lease that a key may have ends at any time since, once for every time that it was granted, or never."""
    first: dict[int, Move] = {}
    for move in moves:
        if not isinstance(move.request, LeaseRevoke):
            for lease in leases_of(move.request):
                first.setdefault(lease, move)
                first[lease] = min(first[lease], move, key=lambda each: each.invoked_ns)
    ends: dict[bytes, list[Move]] = {}
    for lease, move in first.items():
        end = move._replace(request=LeaseRevoke(lease), result=None, completed_ns=NEVER_NS, required=False, hint=NEVER_NS, operation=None)
        places = ended.get(lease) or [NEVER_NS]
        ends[b"l%d" % lease] = [end._replace(hint=min(2 * place, NEVER_NS)) for place in places]
    return ends
