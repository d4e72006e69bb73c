"""A simulated member's links come back, as production's do."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from quorate_node.simulator.transport import SimulatedTransport, _Link
from quorate_node.transport.interface import LostReason


class Failing:
    """A receiver in which a failpoint raises."""

    def on_lost(self, _member_id: int, _reason: LostReason) -> None:
        raise OSError("at a failpoint")


@pytest.mark.parametrize("how", ["died", "silent"])
def test_a_connection_is_dialled_again_though_its_end_could_not_be_reported(how: str) -> None:
    calls: list[tuple[Any, ...]] = []
    loop = SimpleNamespace(now_ns=0, after=lambda *call: calls.append(call))
    network: Any = SimpleNamespace(loop=loop, counters=Counter(), listening={})
    process: Any = SimpleNamespace(alive=True, name="m1.1")
    transport = SimulatedTransport(network, process, "sim://m1", lambda: 1)
    other = SimulatedTransport(network, process, "sim://m2", lambda: 2)
    transport._receiver = Failing()  # type: ignore[assignment]
    link = transport._links[2] = _Link(2, "sim://m2")
    link.up_to = other
    with pytest.raises(OSError, match="failpoint"):
        transport.end_of(other, died=True, seen=True) if how == "died" else transport.fell_silent("sim://m2")
    assert link.up_to is None
    assert [call[2] for call in calls] == [transport._no_answer]
