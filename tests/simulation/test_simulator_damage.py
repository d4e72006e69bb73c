"""Damage where the others keep hardly any log: members get a peer's state in place of what nobody has any more, and every promise holds."""

from __future__ import annotations

import msgspec
import pytest

from quorate_node.protocol.message import SnapshotMetadata
from quorate_node.replica.state_recovery import StateRecovery
from quorate_node.simulator.options import Options, draw, without_later_faults
from quorate_node.simulator.run import run_seed

pytestmark = pytest.mark.usefixtures("silent_logs")

SEEDS = (3, 12, 102, 106, 107, 108, 111, 115)


def compacting_and_damaged(seed: int) -> Options:
    """Three members that keep two entries below their state, which is flushed seldom; and a copy is damaged every second."""
    drawn = without_later_faults(draw(seed))
    faults = msgspec.structs.replace(drawn.faults, damage=1.0, kill=0.5, wipe=0.0, down_ms_max=2_000)
    return msgspec.structs.replace(
        drawn,
        faults=faults,
        members=3,
        spares=0,
        witness=False,
        log_keep_entries=2,
        compact_every_entries=20,
        state_buffer_writes_max=100_000,
    )


@pytest.mark.timeout(120)
def test_damage_that_everybody_has_compacted_is_replaced_by_a_peers_state(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    use = StateRecovery._use

    async def noted(self: StateRecovery, peer: int, metadata: SnapshotMetadata) -> None:
        used.append(metadata.index)
        await use(self, peer, metadata)

    monkeypatch.setattr(StateRecovery, "_use", noted)
    for seed in SEEDS:
        result = run_seed(seed, options=compacting_and_damaged(seed))
        assert result.ok, result.failure()
    assert used, "none of these runs needed a state: this shows nothing, and other seeds or rates are due"
