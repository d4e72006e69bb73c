"""Reads the format of etcd's golden files: directive line, optional body, `----`, expected output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SEPARATOR = "----"
_ARGUMENT = re.compile(r"\s*([^\s=()]+)(?:=(\([^)]*\)|[^\s()]*))?")


@dataclass(frozen=True)
class Argument:
    key: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Directive:
    command: str
    arguments: tuple[Argument, ...]
    body: str
    expected: str
    where: str
    named: dict[str, tuple[str, ...]] = field(default_factory=dict)


def parse_line(line: str) -> tuple[str, tuple[Argument, ...]]:
    """A command and its arguments: `key`, `key=value` or `key=(value, value)`."""
    position = 0
    arguments = []
    while position < len(line.rstrip()):
        found = _ARGUMENT.match(line, position)
        if found is None:
            raise ValueError(f"cannot parse {line!r} from column {position}")
        key, value = found.groups()
        if value is None:
            values: tuple[str, ...] = ()
        elif value.startswith("("):
            values = tuple(item.strip() for item in value[1:-1].split(",")) if value != "()" else ()
        else:
            values = (value,)
        arguments.append(Argument(key, values))
        position = found.end()
    return arguments[0].key, tuple(arguments[1:])


def read(path: Path) -> Iterator[Directive]:
    """Every directive of a file, in order."""
    lines = path.read_text(encoding="utf-8").split("\n")
    position = 0
    while position < len(lines):
        start = position
        line = lines[position]
        position += 1
        if not line.strip() or line.startswith("#"):
            continue
        while line.endswith("\\"):
            line = line[:-1] + lines[position]
            position += 1
        body = []
        while position < len(lines) and lines[position] != SEPARATOR:
            body.append(lines[position])
            position += 1
        if position == len(lines):
            raise ValueError(f"{path.name}:{start + 1}: directive without {SEPARATOR}")
        expected, position = _expected(lines, position + 1)
        command, arguments = parse_line(line)
        yield Directive(command, arguments, "\n".join(body), expected, f"{path.name}:{start + 1}: {line}")


def _expected(lines: list[str], position: int) -> tuple[str, int]:
    """Up to a blank line; with a second separator, up to a pair of them, so that it may hold blank lines."""
    output = []
    if position < len(lines) and lines[position] == SEPARATOR:
        position += 1
        while lines[position : position + 2] != [SEPARATOR, SEPARATOR]:
            output.append(lines[position])
            position += 1
        return "".join(line + "\n" for line in output), position + 2
    while position < len(lines) and lines[position].strip():
        output.append(lines[position])
        position += 1
    return "".join(line + "\n" for line in output), position


def same(actual: str, expected: str) -> bool:
    """Equal up to the one newline that ends every output."""
    return (actual if actual.endswith("\n") or not actual else actual + "\n") == expected
