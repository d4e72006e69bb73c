"""Where values come from: file, environment, flags, merged in that order, each with its origin kept for error messages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from quorate_node.config.errors import ConfigurationError
from quorate_node.config.settings_table import ENVIRONMENT_PREFIX, Setting, settings

FILE_BYTES_MAX = 1024 * 1024
SEPARATOR = "__"


class Given(NamedTuple):
    setting: Setting
    value: Any
    origin: str


def suggestion(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(sorted(known))}"


def find(section: str, key: str, origin: str) -> Setting:
    """The setting of that name. Raises ConfigurationError with the nearest name there is."""
    known = settings()
    if section not in known:
        raise ConfigurationError([f"{origin}: there is no section {section!r}{suggestion(section, list(known))}"])
    if key not in known[section]:
        elsewhere = [f"{other}.{key}" for other, keys in known.items() if key in keys]
        hint = f"; did you mean {elsewhere[0]!r}?" if elsewhere else suggestion(key, list(known[section]))
        raise ConfigurationError([f"{origin}: there is no setting {section}.{key}{hint}"])
    return known[section][key]


def _collect(items: Sequence[tuple[str, str, Any, str]]) -> list[Given]:
    found: list[Given] = []
    problems: list[str] = []
    for section, key, value, origin in items:
        try:
            setting = find(section, key, origin)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        if value == "" and setting.default is None:
            value = None
        found.append(Given(setting, _split(setting, value), origin))
    if problems:
        raise ConfigurationError(problems)
    return found


def _split(setting: Setting, value: Any) -> Any:
    """Environment and flags have text only: a list is written with commas."""
    if setting.is_list and isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def from_file(path: Path) -> list[Given]:
    """Settings of a TOML file: a table a section. Raises ConfigurationError: not there, too large, not TOML, unknown names."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError([f"{path}: cannot be read: {error.strerror}; name another with --config"]) from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationError([f"{path}: is larger than {FILE_BYTES_MAX} bytes, which no configuration is; name another with --config"])
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError([f"{path}: is not TOML: {error}"]) from error
    items, problems = [], []
    for section, table in document.items():
        if isinstance(table, dict):
            items += [(section, key, value, f"file {path}") for key, value in table.items()]
        else:
            problems.append(f"file {path}: {section!r} stands outside a section: put it under [section]")
    if problems:
        raise ConfigurationError(problems)
    return _collect(items)


def from_environment(environment: Mapping[str, str]) -> list[Given]:
    """Variables QUORATE_SECTION__KEY. Others that begin with QUORATE_ belong to other programs and are left alone."""
    items = []
    for name in sorted(environment):
        section, separator, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition(SEPARATOR)
        if name.startswith(ENVIRONMENT_PREFIX) and separator:
            items.append((section, key, environment[name], f"environment {name}"))
    return _collect(items)


def from_assignments(assignments: Sequence[tuple[str, str, str]]) -> list[Given]:
    """(path, value, flag) triples, path being `section.key`."""
    items = []
    for path, value, flag in assignments:
        section, dot, key = path.partition(".")
        if not dot:
            raise ConfigurationError([f"{flag}: {path!r} is not of the form section.key=value, as in --set replica.heartbeat_ms=50"])
        items.append((section, key.replace("-", "_"), value, flag))
    return _collect(items)


def merge(*layers: Sequence[Given]) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """(raw values by section and key, origin by path); later layers win."""
    raw: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for given in layer:
            raw.setdefault(given.setting.section, {})[given.setting.key] = given.value
            origins[given.setting.path] = given.origin
    return raw, origins
