"""Since when members have been without their pods. Kept in memory alone: an operator that starts anew gives each of them its time again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field


@dataclass
class Absences:
    clock: Callable[[], float] = time.monotonic
    _since_s: dict[str, dict[int, float]] = field(default_factory=dict)

    def overdue(self, cluster_uid: str, absent: Iterable[int], grace_s: float) -> tuple[int, ...]:
        """Of the member ids that are `absent` now, those that have been at every look for `grace_s`."""
        before, now_s = self._since_s.pop(cluster_uid, {}), self.clock()
        since_s = {member_id: before.get(member_id, now_s) for member_id in sorted(absent)}
        if since_s:
            self._since_s[cluster_uid] = since_s
        return tuple(member_id for member_id, begun_s in since_s.items() if now_s - begun_s >= grace_s)
