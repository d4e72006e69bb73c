"""From a command line and an environment to a checked configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from quorate_node.config.command_line import Action, parse
from quorate_node.config.errors import ConfigurationError
from quorate_node.config.model import NodeConfig
from quorate_node.config.settings_table import plain, settings
from quorate_node.config.sources import from_assignments, from_environment, from_file, merge

FILE_VARIABLE = "QUORATE_CONFIG"


class Loaded(NamedTuple):
    config: NodeConfig
    action: Action
    origins: dict[str, str]
    """`section.key` -> where its value came from; what is missing has its default."""
    discard_damaged_from: int | None = None


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Loaded:
    """Flags over environment over file over defaults. Raises ConfigurationError with every fault; SystemExit for --help and misuse."""
    command = parse(arguments)
    path = command.file or (Path(environment[FILE_VARIABLE]) if environment.get(FILE_VARIABLE) else None)
    raw, origins = merge(
        from_file(path) if path is not None else [],
        from_environment(environment),
        from_assignments(command.assignments),
    )
    return Loaded(build(raw, origins), command.action, origins, command.discard_damaged_from)


def build(raw: dict[str, dict[str, Any]], origins: Mapping[str, str]) -> NodeConfig:
    """Check raw values and make the model of them. Raises ConfigurationError."""
    wrong = _numbers_that_are_none(raw, origins)
    problems = list(wrong.values())
    try:
        config = NodeConfig.model_validate(raw)
    except ValidationError as error:
        # One line a setting: what is said of a number below zero is not said again as a bound.
        named = [line for each in error.errors() if ".".join(map(str, each["loc"][:2])) not in wrong for line in _lines(each, origins)]
        raise ConfigurationError([*problems, *dict.fromkeys(named)]) from error
    if problems:
        raise ConfigurationError(problems)
    return config


def _numbers_that_are_none(raw: dict[str, dict[str, Any]], origins: Mapping[str, str]) -> dict[str, str]:
    """What the model's lenient conversion would let through, by path: `true` as the number 1, and sizes and times below zero."""
    problems: dict[str, str] = {}
    for section, values in raw.items():
        for key, value in values.items():
            setting = settings()[section][key]
            if setting.type not in (int, float):
                continue
            if isinstance(value, bool):
                problems[setting.path] = _line(setting.path, value, "must be a number, not true or false", origins)
            elif _negative(value):
                problems[setting.path] = _line(setting.path, value, "must not be negative", origins)
    return problems


def _negative(value: Any) -> bool:
    try:
        return float(value) < 0
    except (TypeError, ValueError):
        return False


def _line(path: str, value: Any, fault: str, origins: Mapping[str, str]) -> str:
    section, _, key = path.partition(".")
    setting = settings()[section][key]
    shown = "[redacted]" if setting.is_secret else repr(value)
    return f"{path} = {shown} ({origins.get(path, 'default')}): {fault}; the default is {plain(setting.default)!r}"


def _lines(error: Any, origins: Mapping[str, str]) -> list[str]:
    """A pydantic error in our words: place, value, origin, fault, default."""
    place = [str(part) for part in error["loc"]]
    message = str(error["msg"]).removeprefix("Value error, ")
    if len(place) >= 2 and place[1] in settings().get(place[0], {}):
        at = f"[{place[2]}] " if len(place) > 2 else ""
        return [_line(".".join(place[:2]), error["input"], at + message[0].lower() + message[1:], origins)]
    if place:
        return [f"{place[0]}: {line}" for line in message.split("\n")]
    return message.split("\n")
