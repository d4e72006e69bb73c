"""`python -m tests.simulation.tla --tools JAR --spec FOLDER`: runs of the simulator before etcd's own TLA+ specification.

Each seed's trace has to be accepted, and what is falsified in it rejected. Status 0: so it was; 1: it was not; 2: it cannot run.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from pathlib import Path

from quorate_node.simulator.tla.run import EVENTS_MIN, write_trace
from tests.simulation.tla.falsify import falsified
from tests.simulation.tla.judge import SPECIFICATION, CannotRun, judge
from tests.simulation.tla.worlds import crashes_and_elections


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.tla", description=__doc__)
    parser.add_argument("--tools", type=Path, required=True, metavar="JAR", help="TLC")
    parser.add_argument("--spec", type=Path, required=True, metavar="FOLDER", help=f"where {SPECIFICATION}.tla is")
    parser.add_argument("--seed", type=int, default=5, help="the first one (default 5)")
    parser.add_argument("--seeds", type=int, default=1, help="how many (default 1)")
    parser.add_argument("--events", type=int, default=400, help=f"so many of each trace (default 400, at least {EVENTS_MIN})")
    parser.add_argument("--minutes", type=float, default=10, help="for each trace (default 10)")
    parser.add_argument("--no-falsified", action="store_true", help="the true traces alone")
    given = parser.parse_args()
    if not given.tools.is_file() or not (given.spec / f"{SPECIFICATION}.tla").is_file():
        folder = f"--spec {given.spec} the folder of {SPECIFICATION}.tla"
        parser.error(f"--tools {given.tools} has to be TLC's jar, {folder}; see docs/testing.md")
    if given.events < EVENTS_MIN or given.seeds < 1 or given.seed < 0 or given.minutes <= 0:
        parser.error(f"--events must be at least {EVENTS_MIN}, --seeds at least 1, --seed at least 0, --minutes more than 0")
    logging.disable(logging.CRITICAL)
    try:
        wrong = sum(_seed(seed, given) for seed in range(given.seed, given.seed + given.seeds))
    except CannotRun as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return int(wrong > 0)


def _seed(seed: int, given: argparse.Namespace) -> int:
    """How many verdicts on this seed's traces are wrong."""
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.ndjson"
        traced = write_trace(crashes_and_elections(seed), trace)
        events = [json.loads(line)["event"] for line in trace.read_text().splitlines()][: given.events]
        if len(events) < EVENTS_MIN:
            _say(f"seed {seed}: {len(events)} events are too few to be judged: {traced.stopped or 'the run was short'}")
            return 0
        traces = [("the run as it was", events)] if given.no_falsified else [("the run as it was", events), *falsified(events)]
        wrong = 0
        for name, changed in traces:
            trace.write_text("".join(json.dumps({"tag": "trace", "event": event}) + "\n" for event in changed))
            verdict = judge(trace, given.tools, given.spec, given.minutes * 60)
            right = verdict.accepted == (changed is events)
            wrong += not right
            said = "accepted" if verdict.accepted else "rejected"
            _say(f"seed {seed}, {len(changed)} events, {name}: {said}" + ("" if right else f": WRONG\n{verdict.said}"))
        return wrong


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
