"""Whether the checkers see a bug that a test has just put in."""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.simulator.options import Options
from quorate_node.simulator.run import run_seed


def found_in(world: Callable[[int], Options], properties: set[str], seeds: range) -> bool:
    """The first seed that breaks anything must break one of `properties`."""
    for seed in seeds:
        broken = run_seed(seed, options=world(seed)).outcome.broken
        if broken:
            assert broken in properties, f"seed {seed} found {broken}"
            return True
    return False
