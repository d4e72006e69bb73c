"""On a real device: vectors, forgeries and mutated batches of every size have the host's verdicts; nothing spills; memory is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from quorate_node.gpu.cuda import BUCKETS, TOGETHER_MAX, CudaDevice
from quorate_node.gpu.cupy_driver import CupyDriver, NoDevice
from quorate_node.gpu.engine import Engine, Settings
from quorate_node.gpu.host import HostVerifier
from quorate_node.gpu.jobs import KERNELS, WIDTHS
from quorate_node.gpu.library import load
from quorate_node.gpu.nvml import Nvml
from quorate_node.gpu.outcome import Outcome, checked
from quorate_node.gpu.records import SignatureBatch, VoteBatch
from tests.conformance.ed25519 import cases, forging, fuzz
from tests.conformance.ed25519.cases import Case
from tests.gpu.budgets import BUDGETS


@pytest.fixture(scope="module")
def driver() -> CupyDriver:
    try:
        return CupyDriver()
    except NoDevice as error:
        pytest.skip(f"no device: {error}")


@pytest.fixture(scope="module")
def host() -> HostVerifier:
    return HostVerifier(load())


def answered(device: CudaDevice, running: object, count: int) -> Outcome:
    while not device.done(running):  # type: ignore[arg-type]
        continue
    return checked(device.take(running), count)  # type: ignore[arg-type]


def judge(driver: CupyDriver, host: HostVerifier, family: list[Case]) -> None:
    batch = SignatureBatch()
    for case in family:
        batch.append(case.public_key, case.message, case.signature)
    device = CudaDevice(driver)
    found = answered(device, device.start_signatures(batch), batch.count)
    device.close()
    assert found == host.verify_signatures(batch)
    for case, verdict in zip(family, found.verdicts, strict=True):
        assert case.accepted is None or (verdict == 0) is case.accepted, case.name


@pytest.mark.parametrize("path", cases.vector_files())
def test_every_file_of_vectors(driver: CupyDriver, host: HostVerifier, path: Path) -> None:
    judge(driver, host, cases.read(path))


@pytest.mark.parametrize("family", forging.FAMILIES, ids=lambda family: family.__name__)
def test_forged(driver: CupyDriver, host: HostVerifier, family: Callable[[Random], Iterator[Case]]) -> None:
    judge(driver, host, list(family(Random(8032))))


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("count", [1, 31, 64, TOGETHER_MAX, TOGETHER_MAX + 1, 1000, 5000, 20_000])
def test_mutated_votes_have_the_hosts_outcome(driver: CupyDriver, host: HostVerifier, bits: int, count: int) -> None:
    members, batch, expected = fuzz.votes(Random(f"{bits}.{count}"), validators=5, count=count)
    device = CudaDevice(driver, bits=bits)
    outcome = answered(device, device.start_votes(members, batch), count)
    assert outcome == host.verify_votes(members, batch)
    assert [verdict == 0 for verdict in outcome.verdicts] == expected
    device.close()


def test_a_large_batch_from_pinned_memory(driver: CupyDriver, host: HostVerifier) -> None:
    members, drawn, _ = fuzz.votes(Random(1), validators=100, count=4096)
    device = CudaDevice(driver)
    batch = device.new_batch(drawn.epoch, BUCKETS[5])
    for ballot in range(drawn.ballots):
        batch.ballot(drawn.message(ballot), drawn.thresholds[ballot])
    for _ in range(BUCKETS[5] // 4096):
        batch.votes(drawn.vote_bytes)
    outcome = answered(device, device.start_votes(members, batch), batch.count)
    once = host.verify_votes(members, drawn)
    assert outcome.verdicts == once.verdicts * (batch.count // 4096)
    device.close()


def test_the_same_batch_again_and_again_gives_the_same(driver: CupyDriver) -> None:
    members, batch, _ = fuzz.votes(Random(2), validators=7, count=3000)
    device = CudaDevice(driver)
    outcomes = {answered(device, device.start_votes(members, batch), batch.count) for _ in range(50)}
    assert len(outcomes) == 1
    device.close()


def test_no_kernel_has_local_memory_or_too_many_registers(driver: CupyDriver) -> None:
    for name in KERNELS:
        attributes = driver.kernel(name).attributes
        assert attributes["local_size_bytes"] == 0, name
        assert attributes["num_regs"] <= BUDGETS[name].registers, name


async def test_the_engine_examines_it_and_uses_it(driver: CupyDriver, host: HostVerifier) -> None:
    engine = Engine(host, CudaDevice(driver), Settings(device_from=1, deadline_ms=900, recheck_one_in=8))
    await engine.start()
    assert engine.counts.self_tests == 1, engine.counts.degraded
    members, batch, _ = fuzz.votes(Random(3), validators=4, count=2000)
    await engine.admit(members)
    for _ in range(20):
        assert await engine.verify_votes(batch) == host.verify_votes(members, batch)
    assert (engine.counts.device_batches, engine.counts.degraded) == (20, "")
    assert (await engine.verify_votes(VoteBatch(members.epoch, 1))).verdicts == b""
    engine.close()


def test_its_health_is_told(driver: CupyDriver) -> None:
    health = Nvml().health()
    assert health.name and health.memory_total_bytes
