"""`python -m quorate_node.simulator --seed N [--seeds COUNT]`: run seeds, and stop at the first that breaks a property, with status 1."""

from __future__ import annotations

import logging
import sys
from collections import Counter
from pathlib import Path

import msgspec

from quorate_node.failpoints import instrument

instrument()  # Before any other room is imported: what is imported earlier has no failpoints.

from quorate_node.simulator.arguments import Arguments, parse  # noqa: E402
from quorate_node.simulator.case import Case  # noqa: E402
from quorate_node.simulator.report import write  # noqa: E402
from quorate_node.simulator.run import Result, run_case, run_seeds  # noqa: E402
from quorate_node.simulator.shrink import Shrinker  # noqa: E402
from quorate_node.simulator.tla.run import write_trace  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    given = parse(arguments)
    if given.options:
        options = given.case.world
        _say(msgspec.json.encode(options).decode() if given.json else f"seed {options.seed}\n{options.text()}")
        return 0
    if given.trace:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stdout)
    else:
        logging.disable(logging.CRITICAL)  # Members complain of faults all the time; a trace shows it.
    return _run(given) if given.tla_trace is None else _trace(given.case, given.tla_trace)


def _run(given: Arguments) -> int:
    if given.seeds == 1:
        results = iter([run_case(given.case, _say if given.trace else None)[0]])
    else:
        results = run_seeds(range(given.case.options.seed, given.case.options.seed + given.seeds), given.commands)
    seeds = operations = 0
    virtual_s = cpu_s = 0.0
    counters: Counter[str] = Counter()
    failed = None
    for result in results:
        seeds += 1
        operations += result.outcome.operations
        virtual_s += result.outcome.virtual_s
        cpu_s += result.cpu_s
        counters.update(result.outcome.counters)
        failed = None if result.ok else result
        if given.json:
            _say(msgspec.json.encode(result).decode())
        else:
            _say(result.line() if result.ok else result.failure())
    if not given.json:
        shown = ", ".join(f"{name} {count}" for name, count in sorted(counters.items()))
        _say(f"{seeds} seeds, {operations} operations, {virtual_s:.0f} s of virtual time in {cpu_s:.0f} s of processor time\n{shown}")
    if given.output is not None and (failed is not None or given.seeds == 1):
        _report(failed.case if failed is not None else given.case, given.output, "")
    if failed is not None and given.shrink_seconds:
        _shrink(failed, given)
    return int(failed is not None)


def _trace(case: Case, path: Path) -> int:
    traced = write_trace(case, path)
    _say(traced.result.line())
    _say(f"{traced.events} events in {path}" + (f"; the trace ends there: {traced.stopped}" if traced.stopped else ""))
    return int(not traced.result.ok)


def _report(case: Case, folder: Path, suffix: str) -> None:
    name = f"seed-{case.options.seed}{suffix}"
    write(case, folder, name)
    _progress(f"pictures, log and history: {folder / name}.*")


def _shrink(failed: Result, given: Arguments) -> None:
    shrinker = Shrinker(failed, given.shrink_seconds, _progress)
    smallest = shrinker.shrink().result
    if given.json:
        _say(msgspec.json.encode(smallest).decode())
    else:
        _say(f"\n{shrinker.summary()}\n\n{smallest.failure()}")
    if given.output is not None:
        _report(smallest.case, given.output, "-shrunk")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _progress(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
