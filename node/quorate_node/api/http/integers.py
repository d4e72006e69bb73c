"""64-bit integers in JSON and in queries: decimal strings out, strings or integers in, exact errors for all else."""

from __future__ import annotations

import re

from quorate_node.api.http.problem import Problem

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1
_DECIMAL = re.compile(r"-?[0-9]{1,19}\Z", re.ASCII)


def int64(value: int | str, field: str, low: int = 0, high: int = INT64_MAX) -> int:
    """The integer, between `low` and `high`. Raises `Problem` InvalidArgument naming `field`, the value and the limits."""
    if type(value) is str:
        if not _DECIMAL.match(value):
            shown = value if len(value) <= 40 else value[:40] + "..."
            raise Problem("InvalidArgument", f'field `{field}`: {shown!r} is not a decimal 64-bit integer; send digits only, like "42"')
        value = int(value)
    assert isinstance(value, int)
    if not low <= value <= high:
        raise Problem("InvalidArgument", f"field `{field}`: {value} is out of range; it must be between {low} and {high}")
    return value
