"""One process over one copy of the source: seeds until one breaks a property. A line of JSON a seed, for `hunt`.

`python -m tests.simulation.mutants.search ROOT WORLD SECONDS SEED...`: after SECONDS on the wall clock no other seed is begun.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

import msgspec

import quorate_node
from quorate_node.simulator.run import run_seed
from tests.simulation.mutants.search_line import Seen
from tests.simulation.mutants.worlds import options_of


def main(arguments: list[str]) -> None:
    root, world, seconds_max, *seeds = arguments
    until_s = time.monotonic() + float(seconds_max)
    loaded = Path(quorate_node.__file__).resolve()
    assert loaded.is_relative_to(Path(root).resolve()), f"{loaded} is not the copy in {root}"
    logging.disable(logging.CRITICAL)
    for seed in map(int, seeds):
        result = run_seed(seed, options=options_of(world, seed))
        outcome = result.outcome
        sys.stdout.write(msgspec.json.encode(Seen(seed, outcome.broken, outcome.evidence[:2_000], result.cpu_s)).decode() + "\n")
        sys.stdout.flush()
        if outcome.broken or time.monotonic() > until_s:
            return


if __name__ == "__main__":
    main(sys.argv[1:])
