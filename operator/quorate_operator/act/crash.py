"""Places where the operator can be made to die, for tests: before and after every action, by the step's name."""

from __future__ import annotations

import os

CRASH_VARIABLE = "QUORATE_OPERATOR_CRASH_AT"
EXIT_STATUS = 86


def crash_point(name: str) -> None:
    """Ends the process at once, without any cleaning up, when the environment names this place."""
    if os.environ.get(CRASH_VARIABLE) == name:
        os._exit(EXIT_STATUS)
