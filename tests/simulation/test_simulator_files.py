"""The production's log in files inside the simulator: power goes in the middle of its calls, sectors and names are lost, records go bad,
and bugs that only files can have are found."""

from __future__ import annotations

from collections import Counter

import msgspec
import pytest

from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed
from quorate_node.store import segment_file

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = range(8)


def in_files(seed: int) -> Options:
    """Power goes often, records go bad, and segments are small."""
    calm = quiet(draw(seed))
    faults = msgspec.structs.replace(
        calm.faults, power_loss=3.0, power_loss_all=0.5, kill=0.5, damage=0.5, disk_full=0.2, sync_failure=0.2, down_ms_max=200
    )
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, faults=faults, clients=4, commands=200, think_ms_max=100,
        disk=msgspec.structs.replace(calm.disk, sync_us_mean=2_000), log_in_files=True, log_segment_bytes=8_192, compact_every_entries=30,
        log_keep_entries=5,
    )  # fmt: skip


@pytest.mark.timeout(300)
def test_what_was_acknowledged_outlives_power_that_goes_in_any_call() -> None:
    counters: Counter[str] = Counter()
    for seed in SEEDS:
        result = run_seed(seed, options=in_files(seed))
        assert result.ok, result.failure()
        counters.update(result.outcome.counters)
    assert counters["power lost in a call on a file"] > 5
    assert counters["unsynced writes dropped"] > 5 and counters["unsynced writes kept"] > 5
    assert counters["damage flipped in a file"] + counters["damage misdirected in a file"] > 0


def found() -> set[str]:
    return {run_seed(seed, options=in_files(seed)).outcome.broken for seed in SEEDS}


@pytest.mark.timeout(300)
def test_names_of_segments_that_are_never_synced_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Acknowledged entries are in a file that power loss takes away, name and all."""
    monkeypatch.setattr(segment_file, "sync_directory", lambda path: None)
    assert found() - {""}
