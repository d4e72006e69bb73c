"""Power loss under the log in files, at any write and any sync, with any of the unsynced sectors on the disk: what was acknowledged is
there, what was under way is there whole or not at all, and nothing of it looks like damage."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from random import Random

import pytest

from tests.unit.store.power_lives import LaterExecutor, Lives
from tests.unit.store.support import quick_parent

SEEDS = (*range(9), 1026, 1135, 1177)
"""The last three found something once: a bug shows in a few seeds of a hundred."""
LIVES = 12
DRAWS = 5


@pytest.mark.parametrize("seed", SEEDS)
def test_what_was_acknowledged_outlives_the_power(seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("quorate_node.store.segment_pool.ThreadPoolExecutor", LaterExecutor)
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="quorate-power-", dir=quick_parent()) as path:
        lives = Lives(Path(path), random)
        for _ in range(LIVES):
            lives.live(random.choice([1, 3, 10, 50, 200]) + random.randint(0, 30), kills=random.random() < 0.25)
            lives.come_back(DRAWS)
        assert lives.written > 20 and lives.images > LIVES
    alarms = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert alarms == [], "nobody is alarmed by a power cut"
