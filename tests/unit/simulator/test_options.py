"""Worlds that are drawn are worlds that production allows: a bug that only a refused configuration can meet is none."""

from __future__ import annotations

from quorate_node.simulator.host import Host
from quorate_node.simulator.options import draw
from quorate_node.simulator.world import World


def test_every_drawn_world_has_timers_that_the_configuration_would_take() -> None:
    for seed in range(300):
        options = draw(seed)
        assert options.heartbeat_ms % options.tick_ms == options.election_timeout_ms % options.tick_ms == 0, options.text()
        host: Host = World(options).hosts[0]
        assert host.settings.tick_ms == options.tick_ms, "made, and so within its bounds"
        assert host.raft_config(1).election_ticks > host.raft_config(1).heartbeat_ticks


def test_the_defaults_of_production_are_among_them() -> None:
    drawn = {(options.tick_ms, options.heartbeat_ms, options.election_timeout_ms) for options in map(draw, range(300))}
    assert (10, 50, 500) in drawn
