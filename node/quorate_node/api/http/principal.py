"""The one place where a request's principal is determined. There is no access control yet: everybody is the empty principal."""

from __future__ import annotations

ANONYMOUS = ""


def principal() -> str:
    """The name that goes into a command's `principal`, where apply will check it again."""
    return ANONYMOUS
