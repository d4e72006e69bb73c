"""Random worlds of 1 to 7 Raft members, hundreds of seeds: see docs/raft.md for what is checked.

A seed that fails reproduces exactly: `QUORATE_RAFT_SEEDS=<seed>:<seed + 1> pytest tests/simulation/test_raft_random.py`.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.raft_world.world import World

FIRST, LAST = map(int, os.environ.get("QUORATE_RAFT_SEEDS", "0:240").split(":"))
DURATION_MS = 3_000
BATCH = 20


@pytest.mark.parametrize("first", range(FIRST, LAST, BATCH))
def test_random_worlds_keep_every_property(first: int) -> None:
    for seed in range(first, min(first + BATCH, LAST)):
        world = World(seed)
        try:
            world.run(DURATION_MS)
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        assert world.checks.operations > 0, f"seed {seed} completed no operation: it checked nothing"
