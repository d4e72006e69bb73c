"""Warnings of the API server, which come beside an answer: the header `Warning` (RFC 7234, 5.5) as Kubernetes writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable

MISCELLANEOUS = "299"
"""The only code that Kubernetes gives, and clients of it show."""
_WARNING = re.compile(r'\s*(\d{3}) (\S+) "((?:[^"\\]|\\.)*)"(?: "[^"]*")?\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")


def texts(headers: Iterable[str]) -> list[str]:
    """What each says, in order. A header may have several; what cannot be read is left out from there on."""
    found = []
    for header in headers:
        end = 0
        while match := _WARNING.match(header, end):
            end = match.end()
            if match[1] == MISCELLANEOUS:
                found.append(_ESCAPED.sub(r"\1", match[3]))
    return found
