"""The benchmark is rehearsed without a device: every figure of its report comes about, with the real kernels on this processor."""

from __future__ import annotations

import pytest

from quorate_node.gpu.cuda import CudaDevice
from quorate_node.gpu.jobs import KERNELS
from tests.conformance.ed25519 import paths
from tests.gpu import bench
from tests.gpu.budgets import BUDGETS
from tests.unit.gpu.emulated_driver import EmulatedDriver

PLAN = bench.Plan(
    batches=(64, 300),
    validators=(2,),
    widths=(8,),
    repeat=2,
    latency_batch=2,
    latency_times=2,
    end_to_end_batch=130,
    end_to_end_times=3,
    memory_bytes_max=1 << 29,
)


def test_every_figure_of_a_device_comes_about() -> None:
    driver = EmulatedDriver(paths.verifier(8, True)._library)
    rates = bench.device_rates(driver, PLAN, lambda: 1.0e9)
    assert [(rate.way, rate.batch) for rate in rates] == [("fixed 8", 64), ("fixed 8", 300), ("generic", 64), ("generic", 300)]
    assert all(rate.per_second > 0 and rate.fraction is not None and rate.fraction > 0 for rate in rates)
    assert bench.latency(driver, PLAN)["p50_us"] > 0
    assert bench.end_to_end(driver, PLAN)["per_second"] > 0
    assert driver.held == 0, "all memory is given back"


def test_a_report_is_readable() -> None:
    rate = {"way": "generic", "validators": 0, "batch": 1024, "per_second": 12e6, "fraction": 0.28}
    found = {
        "processor": {"waived": "no compiler", "per_second": {"PyNaCl": 100.0}, "over_pynacl": {"PyNaCl": 1.0}},
        "device": {"name": "one"},
        "clock_mhz_before": 1755.0,
        "clock_mhz_after": None,
        "rates": [rate],
        "latency": {"p50_us": 100.0},
        "end_to_end": {"per_second": 3e7},
    }
    said = bench.tables(found)
    assert "| generic |  | 1,024 | 12,000,000 | 28.0% |" in said and "Waived: no compiler" in said


def test_the_processors_rates_are_told_beside_pynacls() -> None:
    paths.verifier()
    found = bench.processor_rates(count=128, rounds=1)
    assert found["over_pynacl"]["PyNaCl"] == 1.0 and len(found["per_second"]) == 4


def test_every_kernel_has_a_budget_and_a_name() -> None:
    assert set(KERNELS) == set(BUDGETS)


def test_a_device_is_not_closed_under_a_batch() -> None:
    from random import Random

    from tests.conformance.ed25519 import fuzz

    device = CudaDevice(EmulatedDriver(paths.verifier(8, True)._library))
    members, batch, _ = fuzz.votes(Random(1), validators=2, count=150)
    running = device.start_votes(members, batch)
    with pytest.raises(AssertionError, match="under way"):
        device.close()
    assert device.done(running)
    device.take(running)
    device.close()
    assert device.memory_used == 0
