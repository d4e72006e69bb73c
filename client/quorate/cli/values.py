"""What people type: durations, keys and values, lease ids, members."""

from __future__ import annotations

import base64
import binascii
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from quorate.cluster import Cluster

    _IntegerType = click.ParamType[int]  # a generic only for type checkers: click 8.1 cannot subscript it
else:
    _IntegerType = click.ParamType

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Duration(_IntegerType):
    """`500ms`, `10s`, `1.5m`, `2h`, `1d`; a bare number is seconds. In milliseconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DURATION.fullmatch(value)
        if match is None:
            self.fail(f"{value!r} is not a duration; write it like 500ms, 10s, 1.5m, 2h or 1d", param, ctx)
        milliseconds = round(float(match[1]) * _UNITS_MS[match[2] or "s"])
        if not 0 < milliseconds < 2**53:
            self.fail(f"{value!r} must be more than 0 and less than 2^53 milliseconds", param, ctx)
        return milliseconds


class Identifier(_IntegerType):
    """A 64-bit id, decimal or 0x..."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            number = int(value, 0)
        except ValueError:
            self.fail(f"{value!r} is not an id; write it decimal, or hexadecimal with 0x", param, ctx)
        if not 0 <= number < 2**63:
            self.fail(f"{value!r} must be within 0 and 2^63-1", param, ctx)
        return number


class Number(_IntegerType):
    """A revision, an index or a count: `minimum` up to 2^63-1, which is all that the cluster has words for."""

    name = "integer"

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number", param, ctx)
        if not self.minimum <= number < 2**63:
            self.fail(f"{value} must be within {self.minimum} and 2^63-1", param, ctx)
        return number


DURATION = Duration()
IDENTIFIER = Identifier()
FROM_ZERO = Number(0)
FROM_ONE = Number(1)


def not_empty(_: click.Context, param: click.Parameter, value: str) -> str:
    """A callback for arguments that name something. Raises `click.BadParameter`."""
    if not value:
        raise click.BadParameter("must not be empty", param=param)
    return value


def key_bytes(text: str, is_base64: bool, name: str = "KEY") -> bytes:
    """A key or value from the command line: its bytes as they were typed, or base64. Raises `click.BadParameter`."""
    if not is_base64:
        return text.encode("utf-8", "surrogateescape")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as wrong:
        raise click.BadParameter(f"{text!r} is not base64 ({wrong})", param_hint=name) from wrong


def value_bytes(text: str, is_base64: bool, literal: bool) -> bytes:
    """`-` is stdin and `@FILE` a file's content (as they are), unless `literal`. Raises `click.BadParameter`."""
    if not literal and text == "-":
        return sys.stdin.buffer.read()
    if not literal and text.startswith("@"):
        advice = "use --literal for a value that begins with @"
        if text == "@":
            raise click.BadParameter(f"@ names no file; {advice}", param_hint="VALUE")
        try:
            return Path(text[1:]).read_bytes()
        except OSError as wrong:
            raise click.BadParameter(f"{text[1:]}: {wrong.strerror}; {advice}", param_hint="VALUE") from wrong
    return key_bytes(text, is_base64, "VALUE")


async def find_member(cluster: Cluster, text: str) -> int:
    """A member by id or by name. Raises `MemberNotFound`."""
    from quorate.exceptions import MemberNotFound

    if text.isdecimal() or text.startswith("0x"):
        return int(text, 0)
    named = [each.member_id for each in (await cluster.members()).members if each.name == text]
    if not named:
        raise MemberNotFound(f"no member is called {text!r}")
    if len(named) > 1:
        raise MemberNotFound(f"{len(named)} members are called {text!r}; name one by its id")
    return named[0]
