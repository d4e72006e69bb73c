"""Wires that lose, delay, double and reorder packets: the rules, without a network."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from tests.cluster.campaign.impairment import QUEUE_PACKETS_MAX, Impairment, Wire
from tests.cluster.campaign.wires import combined

PACKETS = 5_000


def arrivals(impairment: Impairment, gap_s: float = 0.01, size_bytes: int = 1_000, seed: int = 1) -> list[list[float]]:
    wire = Wire(impairment, random.Random(seed))
    return [wire.plan(number * gap_s, size_bytes) for number in range(PACKETS)]


def test_a_wire_without_a_fault_delivers_each_packet_once_and_at_once() -> None:
    assert arrivals(Impairment()) == [[number * 0.01] for number in range(PACKETS)]


def test_a_cut_delivers_nothing() -> None:
    assert arrivals(Impairment(drop=True)) == [[]] * PACKETS


def test_a_delay_is_what_it_says_and_jitter_keeps_the_order() -> None:
    at_s = [times[0] for times in arrivals(Impairment(delay_ms=50.0, jitter_ms=40.0))]
    waits_s = [arrived - number * 0.01 for number, arrived in enumerate(at_s)]
    assert min(waits_s) >= 0.05 and max(waits_s) <= 0.09 + 1e-9
    assert at_s == sorted(at_s)


@pytest.mark.parametrize("rate", [0.05, 0.5])
def test_loss_and_duplicates_come_at_their_rates(rate: float) -> None:
    lost = sum(not times for times in arrivals(Impairment(loss=rate)))
    doubled = sum(len(times) == 2 for times in arrivals(Impairment(duplicate=rate)))
    assert lost == pytest.approx(PACKETS * rate, rel=0.15)
    assert doubled == pytest.approx(PACKETS * rate, rel=0.15)


def test_reordered_packets_overtake_those_before_them() -> None:
    at_s = [times[0] for times in arrivals(Impairment(delay_ms=50.0, reorder=0.2))]
    overtaken = sum(later < earlier for earlier, later in pairwise(at_s))
    assert overtaken == pytest.approx(PACKETS * 0.2 * 0.8, rel=0.2)


def test_a_rate_spaces_packets_by_their_size() -> None:
    at_s = [times[0] for times in arrivals(Impairment(rate_bytes_per_s=10_000), gap_s=0.0)[:5]]
    assert at_s == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


def test_a_queue_that_is_full_drops_what_comes() -> None:
    wire = Wire(Impairment(delay_ms=1.0), random.Random(1))
    wire.waiting_packets = QUEUE_PACKETS_MAX
    assert wire.plan(0.0, 100) == [] and wire.dropped_packets == 1


def test_the_same_seed_loses_the_same_packets() -> None:
    rules = Impairment(loss=0.3, duplicate=0.1, reorder=0.1, jitter_ms=3.0)
    assert arrivals(rules, seed=4) == arrivals(rules, seed=4) != arrivals(rules, seed=5)


@pytest.mark.parametrize("wrong", [{"loss": 1.5}, {"duplicate": -0.1}, {"delay_ms": -1.0}, {"rate_bytes_per_s": -1}])
def test_rates_that_cannot_be_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(AssertionError, match=next(iter(wrong))):
        Impairment(**wrong)  # type: ignore[arg-type]


def test_faults_on_one_wire_add_up_to_the_worst() -> None:
    several = [Impairment(delay_ms=10.0, loss=0.1, rate_bytes_per_s=500), Impairment(delay_ms=5.0, loss=0.3), Impairment(drop=True)]
    assert combined(several) == Impairment(drop=True, delay_ms=15.0, loss=0.3, rate_bytes_per_s=500)
    assert combined([]).idle
