"""Results of the application's commands: those that are still to come, and the last ones, for a session's retry."""

from __future__ import annotations

from collections import OrderedDict

from quorate.wire.results import ApplicationResult, Failure, Result
from quorate_node.machine.application.items import Place
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.application_port import Pending


class Replies:
    """Bounded in all its parts; the oldest results are forgotten first."""

    def __init__(self, settings: ApplicationSettings) -> None:
        self._settings = settings
        self._waiting: dict[Place, Pending] = {}
        self._kept: OrderedDict[Place, Result] = OrderedDict()
        self._kept_bytes = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def expect(self, place: Place) -> Result | Pending:
        """A `Pending` for the command at `place`; a `Failure` when too many are waited for (it is applied all the same)."""
        if len(self._waiting) >= self._settings.results_waited:
            return Failure(
                "Timeout",
                f"the command at index {place[0]} is committed and will be applied, but its result is not waited for: "
                f"application.results_waited is {self._settings.results_waited}",
            )
        pending = Pending()
        self._waiting[place] = pending
        return pending

    def find(self, place: Place) -> Result | Pending | None:
        return self._kept.get(place) or self._waiting.get(place)

    def resolve(self, place: Place, result: Result) -> None:
        """Keep the result and tell who waits. Again for the same place (a replay): the result is the same, and kept again."""
        old = self._kept.pop(place, None)
        if old is not None:
            self._kept_bytes -= _size(old)
        self._kept[place] = result
        self._kept_bytes += _size(result)
        while len(self._kept) > self._settings.replies_kept or self._kept_bytes > self._settings.replies_bytes:
            _, forgotten = self._kept.popitem(last=False)
            self._kept_bytes -= _size(forgotten)
        pending = self._waiting.pop(place, None)
        if pending is not None:
            pending.resolve(result)

    def fail_waiting(self, failure: Failure, until: Place | None = None) -> None:
        """Answer everyone who waits (for a place up to `until`). Not kept: it is no result of the command."""
        places = [place for place in self._waiting if until is None or place <= until]
        for place in places:
            self._waiting.pop(place).resolve(failure)


def _size(result: Result) -> int:
    return 64 + (len(result.value) if isinstance(result, ApplicationResult) else 0)
