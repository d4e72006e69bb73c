"""A chart's values.yaml as a list: every value with its path, its default, and the comment above it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml


@dataclass(frozen=True)
class Value:
    """`path` has dots: `metrics.service.enabled`. `default` is what YAML reads."""

    path: str
    default: Any
    description: str


class Undescribed(ValueError):
    """A value has no comment above it."""


_LINE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z][\w-]*):(?P<rest>.*)$")


def values_in(text: str) -> list[Value]:
    """In the order of the file. A key with keys below it is a group; one without is a value. Raises `Undescribed`."""
    whole = yaml.safe_load(text)
    found = []
    for path, comment in _keys(text):
        default = _at(whole, path)
        if isinstance(default, dict) and default:
            continue
        if not comment:
            raise Undescribed(f"values.yaml: `{'.'.join(path)}` has no comment: say above it what it does")
        found.append(Value(".".join(path), default, comment))
    return found


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each key's path and the comment right above it; an empty line ends a comment."""
    path: list[str] = []
    comment: list[str] = []
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            comment.append(line.lstrip()[1:].strip())
            continue
        match = _LINE.match(line)
        if match is not None:
            depth = len(match["indent"]) // 2
            path = [*path[:depth], match["key"]]
            yield tuple(path), " ".join(comment)
        comment = []


def _at(whole: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        whole = whole[name]
    return whole
