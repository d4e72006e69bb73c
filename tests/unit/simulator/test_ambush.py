"""Faults that lie in wait: what they are called, how they are drawn, and that they strike at their moment and not before."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from quorate_node.simulator.ambush import Ambush, draw_ambush
from quorate_node.simulator.features import change, differences
from quorate_node.simulator.options import Options, draw, quiet
from quorate_node.simulator.run import run_seed

OFFER = "offer pause sender soon, deaf leader"


@pytest.fixture(autouse=True)
def _silence() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def _world(*ambushes: str, transfers: float = 3.0) -> Options:
    """Three members whose leadership moves, and nothing else that goes wrong."""
    calm = quiet(draw(3, commands=100))
    faults = msgspec.structs.replace(calm.faults, ambush=5.0, ambushes=ambushes, partition_ms_max=300, pause_ms_max=300)
    return msgspec.structs.replace(
        calm, members=3, spares=0, witness=False, clients=2, think_ms_max=100, cpu_ns=0, transfers=transfers, faults=faults
    )


def _events(options: Options) -> list[str]:
    shown: list[str] = []
    result = run_seed(3, show=shown.append, options=options)
    assert result.ok, result.failure()
    return shown


def test_the_name_of_an_ambush_says_all_of_it() -> None:
    ambush = Ambush.read(OFFER)
    assert ambush == Ambush("offer", "pause", "sender", "soon", "deaf", "leader")
    assert ambush.text() == OFFER


@pytest.mark.parametrize("text", ["", "offer", "offer pause sender soon, deaf", "offer pause nobody soon, deaf leader", f"{OFFER} again"])
def test_what_names_no_ambush_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"ambush is {text!r}; it must be AT ACT WHOM WHEN, CUT VICTIM")):
        Ambush.read(text)


def test_what_is_drawn_does_something_and_can_be_read() -> None:
    drawn = [draw_ambush(Random(seed), ()) for seed in range(500)]
    assert all(ambush.act != "none" or ambush.cut != "none" for ambush in drawn)
    assert all(Ambush.read(ambush.text()) == ambush for ambush in drawn)
    assert len({ambush.at for ambush in drawn}) == 11
    assert {ambush.text() for ambush in (draw_ambush(Random(seed), (OFFER,)) for seed in range(5))} == {OFFER}


def test_it_strikes_when_its_moment_comes_those_whom_it_names() -> None:
    shown = _events(_world(OFFER))
    strikes = [line.split() for line in shown if f"strikes {OFFER}" in line]
    assert strikes, "leadership was offered, and nobody struck"
    for at_s, *_, leader, sender, receiver in strikes:
        assert leader == sender != receiver, "the leader offers its leadership to another"
        paused = [float(line.split()[0]) for line in shown if line.endswith(f" pause {leader}")]
        assert any(float(at_s) <= moment <= float(at_s) + 0.005 for moment in paused)


def test_a_moment_that_never_comes_harms_nobody() -> None:
    shown = _events(_world(OFFER, transfers=0.0))
    assert any(f"ambush {OFFER}" in line for line in shown)
    assert not any("strikes" in line for line in shown)


def test_the_line_that_repeats_a_run_names_the_ambushes_of_its_world() -> None:
    world, drawn = _world(OFFER), _world()
    assert change(drawn, differences(world, drawn)) == world
