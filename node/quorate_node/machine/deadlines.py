"""Which of many leases or sessions is due, when their deadlines only ever move: a heap that is corrected when it is read."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable


class Deadlines:
    """Entries (look again at this log time, id). A renewal touches nothing here: the heap's time is then merely too early.

    Local to the member and rebuilt from the state on open; what expires is decided at apply, from the state alone.
    """

    def __init__(self, entries: Iterable[tuple[int, int]] = ()) -> None:
        self._heap = list(entries)
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, deadline_ms: int, number: int) -> None:
        heapq.heappush(self._heap, (deadline_ms, number))

    def keep_only(self, alive: Iterable[tuple[int, int]], count: int, spare: int = 1_000) -> None:
        """Forget those that are gone once they are the most: ids may come and go long before their deadlines clear them out.

        `alive`: the `count` (deadline, id) that are there. Costs a look at all, once for as many additions.
        """
        if len(self._heap) > 2 * count + spare:
            self._heap = list(alive)
            heapq.heapify(self._heap)

    def due(self, log_time_ms: int, deadline_of: Callable[[int], int | None], count_max: int, again_after_ms: int) -> list[int]:
        """Ids whose deadline has passed, at most `count_max`; each is named again only `again_after_ms` later.

        `deadline_of` gives an id's deadline as it is now, None when it is gone.
        """
        heap = self._heap
        found: list[int] = []
        keep: list[tuple[int, int]] = []
        while heap and heap[0][0] <= log_time_ms and len(found) < count_max:
            _, number = heapq.heappop(heap)
            deadline_ms = deadline_of(number)
            if deadline_ms is None:
                continue
            if deadline_ms <= log_time_ms:
                found.append(number)
                keep.append((log_time_ms + again_after_ms, number))
            else:
                heapq.heappush(heap, (deadline_ms, number))
        for entry in keep:
            heapq.heappush(heap, entry)
        return found
