"""The simulator's command line: which seeds, what to leave out of one, and what to show of it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from quorate_node.simulator.case import PROGRAM, Case
from quorate_node.simulator.features import change, known, without
from quorate_node.simulator.options import draw
from quorate_node.simulator.reductions import Reductions, names, numbers

SHRINK_S = 120.0
Value = TypeVar("Value")


class Arguments(msgspec.Struct, frozen=True):
    case: Case
    """Of the first seed."""
    seeds: int
    commands: int | None
    json: bool
    trace: bool
    options: bool
    output: Path | None
    tla_trace: Path | None
    shrink_seconds: float
    """0: a failure is left as it is."""


def _told(read: Callable[[str], Value]) -> Callable[[str], Value]:
    """argparse shows the text of its own errors alone."""

    def told(text: str) -> Value:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return told


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="The node's own code in virtual time, with faults.")
    parser.add_argument("--seed", type=int, required=True, help="the first seed, from 0 on")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from the first one on (default 1)")
    parser.add_argument("--commands", type=int, help="operations of all clients together; else what the seed draws")
    parser.add_argument("-o", "--format", choices=("text", "json"), default="text", help="json: one object a line")
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="leave pictures, logs and histories of a failing seed, or of the one seed, there"
    )
    parser.add_argument("--trace", action="store_true", help="print every event of the one seed, and the members' own log")
    parser.add_argument("--options", action="store_true", help="print what the seed draws, and run nothing")
    parser.add_argument("--no-shrink", action="store_true", help="leave a failing seed as it is")
    shrink_help = f"how long to make a failing seed smaller (default {SHRINK_S:g}; not at all where parts are left out already)"
    parser.add_argument("--shrink-seconds", type=float, help=shrink_help)
    parser.add_argument("--tla-trace", type=Path, metavar="FILE", help="leave the one run there as events for etcd's TLA+ specification")
    group = parser.add_argument_group("to run a part of one seed", "What is not named stays as the seed has it.")
    group.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one option, such as members=3 or faults.kill=0.5")
    group.add_argument("--without", default="", metavar="NAMES", help=f"switched off: {', '.join(known())}")
    group.add_argument("--faults", type=_told(names), metavar="NAMES", help="these alone, such as kill.3,clog.1, or none")
    group.add_argument("--clients", type=_told(numbers), metavar="NUMBERS", help="these alone, such as 1,4")
    group.add_argument("--watchers", type=_told(numbers), metavar="NUMBERS", help="these alone, or none")
    group.add_argument("--operations", type=_told(names), metavar="NAMES", help="these alone: 2.14 is what client 2 does as its fourteenth")
    group.add_argument("--chaos-ms", type=int, help="faults and clients end at this virtual time, and the quiet follows")
    group.add_argument("--until-ms", type=int, help="the run ends at this virtual time")
    return parser


def parse(arguments: list[str] | None) -> Arguments:
    """Ends the program with status 2 and what is wrong."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.seed < 0 or given.seeds < 1 or (given.commands is not None and given.commands < 1):
        parser.error("--seed must be at least 0, --seeds and --commands at least 1")
    if given.shrink_seconds is not None and given.shrink_seconds <= 0:
        parser.error(f"--shrink-seconds is {given.shrink_seconds:g}: it must be more than 0; --no-shrink leaves a failure as it is")
    for name in ("chaos_ms", "until_ms"):
        if getattr(given, name) is not None and getattr(given, name) < 1:
            parser.error(f"--{name.replace('_', '-')} is {getattr(given, name)}: it must be at least 1")
    reductions = Reductions(**{name: getattr(given, name) for name in Reductions.__struct_fields__})
    left_out = tuple(given.without.split(",")) if given.without else ()
    if given.seeds != 1 and (given.trace or given.tla_trace or given.set or left_out or reductions != Reductions()):
        parser.error(f"--trace and what is left out are of one seed, --seeds is {given.seeds}: leave one of the two out")
    try:
        options = change(draw(given.seed, given.commands), given.set)
        without(options, left_out)
    except ValueError as error:
        parser.error(str(error))
    case = Case(options, left_out, reductions)
    whole = not left_out and reductions == Reductions()
    shrink_seconds = given.shrink_seconds if given.shrink_seconds is not None else SHRINK_S * whole
    if given.no_shrink or given.trace:
        shrink_seconds = 0.0
    return Arguments(
        case=case,
        seeds=given.seeds,
        commands=given.commands,
        json=given.format == "json",
        trace=given.trace,
        options=given.options,
        output=given.output,
        tla_trace=given.tla_trace,
        shrink_seconds=shrink_seconds,
    )
