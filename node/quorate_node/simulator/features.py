"""What a seed has switched on, by names: to leave it out, and to say how a world differs from what its seed draws."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec

from quorate_node.simulator.options import FaultOptions, LimitOptions, NetworkOptions, Options

GROUPS = ("faults", "network")
SWITCHES = {
    "changes": "membership_changes",
    "transfers": "transfers",
    "activations": "activations",
    "bursts": "bursts",
    "compactions": "compactions",
    "leases": "leases",
    "sessions": "sessions",
    "spares": "spares",
    "witness": "witness",
    "priorities": "priorities",
    "clock-drift": "clock_drift_ppm_max",
    "clock-jumps": "clocks_jump",
    "processor-time": "cpu_ns",
    "eager-commits": "commit_eagerly",
    "log-in-files": "log_in_files",
    "clocks-set-by-reboots": "reboots_set_clocks",
    "non-voting": "non_voting",
}
"""Beside the rates of faults and of the network: name -> the option that is zero or false when it is off."""
WITHIN = {f"limit-{field.name.replace('_', '-')}": ("limits", field.name) for field in msgspec.structs.fields(LimitOptions)}
WITHIN["application-clients"] = ("application", "clients")
"""The same for options of a group that are counts: name -> group and option."""
AT_LEAST_ONE = ("members", "keys", "tick_ms", "heartbeat_ms", "election_timeout_ms", "commands")


@cache
def rates(group: str) -> list[str]:
    """Names of a group's fields that are rates: whatever is zero in a world without it."""
    struct = FaultOptions if group == "faults" else NetworkOptions
    return [field.name for field in msgspec.structs.fields(struct) if field.type is float]


def known() -> list[str]:
    return [_word(name) for group in GROUPS for name in rates(group)] + list(SWITCHES) + list(WITHIN)


def _word(name: str) -> str:
    return name.replace("_", "-")


def switched_on(options: Options) -> list[str]:
    """Those of `known` that this world has, in that order."""
    grouped = [_word(name) for group in GROUPS for name in rates(group) if getattr(getattr(options, group), name)]
    counts = [word for word, (group, name) in WITHIN.items() if getattr(getattr(options, group), name)]
    return grouped + [word for word, name in SWITCHES.items() if getattr(options, name)] + counts


def without(options: Options, left_out: Sequence[str]) -> Options:
    """The same world with these switched off. Raises `ValueError`."""
    strange = [word for word in left_out if word not in known()]
    if strange:
        raise ValueError(f"nothing is called {strange[0]!r}: it is one of {', '.join(known())}")
    changes: dict[str, Any] = {}
    for group in GROUPS:
        off = {name: 0.0 for name in rates(group) if _word(name) in left_out}
        changes[group] = msgspec.structs.replace(getattr(options, group), **off)
    for word, name in SWITCHES.items():
        if word in left_out:
            changes[name] = type(getattr(options, name))(0)
    for word, (group, name) in WITHIN.items():
        if word in left_out:
            changes[group] = msgspec.structs.replace(changes.get(group, getattr(options, group)), **{name: 0})
    return msgspec.structs.replace(options, **changes)


def differences(options: Options, drawn: Options) -> list[str]:
    """`name=value` for each option that is not what was drawn; `change` undoes it."""
    flat, other = _flat(options), _flat(drawn)
    return [f"{name}={msgspec.json.encode(value).decode()}" for name, value in flat.items() if value != other[name]]


def _flat(options: Options) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in msgspec.to_builtins(options).items():
        flat |= {f"{name}.{inner}": one for inner, one in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def change(options: Options, settings: Sequence[str]) -> Options:
    """`settings` as `differences` has them: `members=3`, `faults.kill=0.5`. Raises `ValueError`."""
    tree = msgspec.to_builtins(options)
    changed = options
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in _flat(options) or name == "seed":
            raise ValueError(f"{setting!r} sets no option: it is name=value, the names are those that --options -o json prints")
        group, _, inner = name.rpartition(".")
        try:
            (tree[group] if group else tree)[inner] = value = msgspec.json.decode(text)
            changed = msgspec.convert(tree, Options)
        except msgspec.DecodeError as error:
            raise ValueError(f"{setting!r}: {text!r} is no value for {name}: {error}") from error
        if isinstance(value, int | float) and not isinstance(value, bool) and value < (name in AT_LEAST_ONE):
            raise ValueError(f"{setting!r}: {name} must be at least {int(name in AT_LEAST_ONE)}")
    return changed
