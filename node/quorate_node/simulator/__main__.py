"""`python -m quorate_node.simulator --seed N [--seeds COUNT]`: run seeds, and stop at the first that breaks a property, with status 1."""

from __future__ import annotations

import argparse
import logging
import sys
from collections import Counter

import msgspec

from quorate_node.simulator.options import draw
from quorate_node.simulator.run import run_seed, run_seeds


def main(arguments: list[str] | None = None) -> int:
    program = "python -m quorate_node.simulator"
    parser = argparse.ArgumentParser(prog=program, description="The node's own code in virtual time, with faults.")
    parser.add_argument("--seed", type=int, required=True, help="the first seed, from 0 on")
    parser.add_argument("--seeds", type=int, default=1, help="how many, from the first one on (default 1)")
    parser.add_argument("--commands", type=int, help="operations of all clients together; else what the seed draws")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: one object a line")
    parser.add_argument("--trace", action="store_true", help="print every event of the one seed, and the members' own log")
    parser.add_argument("--options", action="store_true", help="print what the seed draws, and run nothing")
    given = parser.parse_args(arguments)
    if given.seed < 0 or given.seeds < 1 or (given.commands is not None and given.commands < 1):
        parser.error("--seed must be at least 0, --seeds and --commands at least 1")
    if given.trace and given.seeds != 1:
        parser.error(f"--trace shows one seed, --seeds is {given.seeds}: leave one of the two out")
    if given.options:
        options = draw(given.seed, given.commands)
        _say(msgspec.json.encode(options).decode() if given.output == "json" else f"seed {given.seed}\n{options.text()}")
        return 0
    if given.trace:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stdout)
    else:
        logging.disable(logging.CRITICAL)  # Members complain of faults all the time; a trace shows it.
    return _run(given)


def _run(given: argparse.Namespace) -> int:
    if given.trace:
        results = iter([run_seed(given.seed, given.commands, _say)])
    else:
        results = run_seeds(range(given.seed, given.seed + given.seeds), given.commands)
    seeds = operations = 0
    virtual_s = cpu_s = 0.0
    counters: Counter[str] = Counter()
    failed = False
    for result in results:
        seeds += 1
        operations += result.outcome.operations
        virtual_s += result.outcome.virtual_s
        cpu_s += result.cpu_s
        counters.update(result.outcome.counters)
        failed = not result.ok
        if given.output == "json":
            _say(msgspec.json.encode(result).decode())
        else:
            _say(result.line() if result.ok else result.failure())
    if given.output == "text":
        shown = ", ".join(f"{name} {count}" for name, count in sorted(counters.items()))
        _say(f"{seeds} seeds, {operations} operations, {virtual_s:.0f} s of virtual time in {cpu_s:.0f} s of processor time\n{shown}")
    return int(failed)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
