"""`python -m quorate_node.simulator.scale --members 3,5,7`: what a cluster of so many members costs in messages, bytes and time."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence

import msgspec

from quorate_node.simulator.scale_scenarios import Measure, Options, Scenarios
from quorate_node.simulator.scale_world import MEMBERS_MAX, NoProgress

MEMBERS_DEFAULT = "3,5,7,21,51,101,301,1000"
MEMBERS_MIN = 3
"""A minority of two cannot be cut off with its leader in it."""


class Scale(msgspec.Struct, frozen=True):
    """The result for one number of members."""

    members: int
    seed: int
    measures: list[Measure]

    def figures(self, name: str) -> dict[str, float]:
        """Those of one scenario. Raises `StopIteration` for a name that there is not."""
        return next(measure.figures for measure in self.measures if measure.name == name)


def measure(members: int, options: Options, progress: bool = False) -> Scale:
    """All scenarios on a cluster of `members`. Raises `NoProgress`, and ValueError for a number out of range."""
    scenarios = Scenarios(members, options, _note if progress else _silence)
    result = Scale(members, options.seed, scenarios.run())
    del scenarios
    gc.collect()  # A cluster is full of cycles: else the next and larger one is made beside it.
    return result


def table(results: Sequence[Scale]) -> str:
    """One Markdown table a scenario: a row a cluster."""
    parts = []
    for position, first in enumerate(results[0].measures):
        names = list(first.figures)
        head = ["members", *(name.replace("_", " ") for name in names), "leader's cores", "processor s", "peak MiB"]
        rows = [head, ["---:"] * len(head)]
        for result in results:
            row = result.measures[position]
            cells = [_cell(row.figures[name]) for name in names]
            rows.append([str(result.members), *cells, f"{row.leader_cpu:.3f}", f"{row.cpu_s:.1f}", f"{row.memory_peak_mib:.0f}"])
        parts.append(f"{first.name}\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows))
    return "\n\n".join(parts)


def _cell(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m quorate_node.simulator.scale", description="Clusters of many members in virtual time.")
    parser.add_argument("--members", default=MEMBERS_DEFAULT, help=f"numbers of members, with commas (default {MEMBERS_DEFAULT})")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same figures (default 1)")
    parser.add_argument("--idle", type=float, default=10.0, metavar="SECONDS", help="virtual time at rest (default 10)")
    parser.add_argument("--load", type=float, default=1.0, metavar="SECONDS", help="virtual time under load (default 1)")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: one object a line")
    given = parser.parse_args(arguments)
    sizes = []
    for text in given.members.split(","):
        if not text.strip().isdecimal() or not MEMBERS_MIN <= int(text) <= MEMBERS_MAX:
            parser.error(f"--members has {text!r}: each must be a whole number from {MEMBERS_MIN} to {MEMBERS_MAX}")
        sizes.append(int(text))
    if given.idle <= 0 or given.load <= 0:
        parser.error(f"--idle is {given.idle:g} and --load {given.load:g}: both must be above 0")
    options = Options(seed=given.seed, idle_s=given.idle, load_s=given.load)
    results = []
    for size in sizes:
        try:
            results.append(measure(size, options, progress=True))
        except NoProgress as error:
            _note(f"seed {given.seed}: {error}")
            return 1
        if given.output == "json":
            _say(msgspec.json.encode(results[-1]).decode())
    if given.output == "text":
        _say(table(results))
    return 0


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _silence(_text: str) -> None:
    """Nobody watches."""


if __name__ == "__main__":
    sys.exit(main())
