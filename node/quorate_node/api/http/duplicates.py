"""A JSON object that names a field twice is refused: parsers disagree on which one counts, and that is how checks are evaded."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from quorate_node.api.http.problem import Problem

_encoder = msgspec.json.Encoder()


def refuse_duplicates(body: bytes, decoded: msgspec.Struct) -> None:
    """Raise `Problem` MalformedBody when `body`, which decoded well, names a field of an object twice.

    Without a backslash every colon outside of a string belongs to a member, and a string's colons come out again when `decoded`
    is encoded. So equal counts prove that nothing was dropped; only otherwise is the body parsed a second time.
    """
    if b"\\" not in body and body.count(b":") == _encoder.encode(decoded).count(b":"):
        return
    try:
        json.loads(body, object_pairs_hook=_unique, parse_int=str, parse_float=str)
    except RecursionError:
        raise Problem("MalformedBody", "the body is nested too deeply: flatten the transaction") from None


def _unique(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise Problem("MalformedBody", f"field `{name[:100]}` is there twice: send it once")
        seen.add(name)
