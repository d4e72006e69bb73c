"""Places where the operator can be made to die, for tests: before and after every action, by the step's name and the action's; and where
one action is several calls, between them."""

from __future__ import annotations

import os
from collections.abc import Iterable

CRASH_VARIABLE = "QUORATE_OPERATOR_CRASH_AT"
EXIT_STATUS = 86


def crash_points(names: Iterable[str]) -> None:
    """Ends the process at once, without any cleaning up, when the environment names this place by any of its names."""
    if os.environ.get(CRASH_VARIABLE, "") in names:
        os._exit(EXIT_STATUS)
