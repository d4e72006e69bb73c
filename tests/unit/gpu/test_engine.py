"""Never a wrong accept, never a lost or doubled verdict: what the engine does with a device that is well, wrong, slow or gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from random import Random

import pytest

from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.calibration import NEVER
from quorate_node.gpu.cuda import CudaDevice
from quorate_node.gpu.engine import Engine, Settings
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.outcome import Outcome
from quorate_node.gpu.records import BatchRefused, SignatureBatch, VoteBatch
from tests.conformance.ed25519 import forging, fuzz, paths
from tests.unit.gpu.emulated_driver import EmulatedDriver

SETTINGS = Settings(deadline_ms=20_000, recheck_one_in=16, device_from=1)
Drawn = tuple[ValidatorSet, VoteBatch, list[bool]]


@pytest.fixture(scope="module")
def drawn() -> Drawn:
    return fuzz.votes(Random(11), validators=3, count=200)


@pytest.fixture
def driver() -> EmulatedDriver:
    return EmulatedDriver(paths.verifier(8, True)._library)


@pytest.fixture
async def engine(driver: EmulatedDriver) -> AsyncIterator[Engine]:
    made = Engine(paths.verifier(), CudaDevice(driver), SETTINGS, Random(1))
    yield made
    made.close()


def right(drawn: Drawn) -> Outcome:
    return paths.verifier().verify_votes(drawn[0], drawn[1])


async def test_a_device_that_is_well_verifies(engine: Engine, drawn: Drawn) -> None:
    await engine.start()
    await engine.admit(drawn[0])
    outcome = await engine.verify_votes(drawn[1])
    assert outcome == right(drawn)
    counts = engine.counts
    assert (counts.self_tests, counts.device_batches, counts.device_signatures, counts.processor_batches) == (1, 1, 200, 0)
    assert counts.rechecked in {12, 13} and counts.degraded == ""
    assert sum(counts.verdicts.values()) == 200 and counts.slow_path > 0


async def test_signatures_of_unknown_keys_take_the_same_way(engine: Engine) -> None:
    await engine.start()
    batch = SignatureBatch()
    for family in (forging.torsion_shifted, forging.wrong_lengths):
        for case in family(Random(2)):
            batch.append(case.public_key, case.message, case.signature)
    assert await engine.verify_signatures(batch) == paths.verifier().verify_signatures(batch)
    assert engine.counts.device_signatures == batch.count


async def test_batches_go_to_the_device_from_the_measured_size_on(driver: EmulatedDriver, drawn: Drawn) -> None:
    engine = Engine(ExactVerifier(), CudaDevice(driver), Settings(deadline_ms=20_000, calibration_sizes=(4, 16, 64)), Random(1))
    await engine.admit(drawn[0])
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    assert (engine.counts.device_from, engine.counts.device_batches) == (NEVER, 0), "nothing was measured so far"
    await engine.start()
    engine.counts.device_from = 201
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    engine.counts.device_from = 200
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    assert (engine.counts.processor_batches, engine.counts.device_batches) == (2, 1)
    engine.close()


@pytest.mark.parametrize("slow_s, expected", [(0.0, NEVER), (0.2, 4)])
async def test_what_is_measured_decides(driver: EmulatedDriver, slow_s: float, expected: int) -> None:
    class Paced(ExactVerifier):
        def verify_votes(self, members: ValidatorSet, batch: VoteBatch) -> Outcome:
            time.sleep(slow_s)
            return Outcome(b"")

    engine = Engine(Paced(), CudaDevice(driver), Settings(deadline_ms=20_000, calibration_sizes=(4, 16)))
    await engine.start()
    assert (engine.counts.device_from, engine.counts.degraded) == (expected, "")
    engine.close()


async def test_a_device_that_fails_its_examination_is_never_asked(engine: Engine, driver: EmulatedDriver, drawn: Drawn) -> None:
    driver.corrupt = lambda kernel: kernel != "slow_all"
    await engine.start()
    assert "255" in engine.counts.degraded
    await engine.admit(drawn[0])
    asked = len(driver.calls)
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    assert len(driver.calls) == asked and engine.counts.device_batches == 0


class Lying(CudaDevice):
    """Accepts what it should not: every verdict in the batch, or one of them."""

    def take(self, running: object) -> Outcome:
        outcome = super().take(running)  # type: ignore[arg-type]
        return Outcome(bytes(len(outcome.verdicts)), outcome.tallies)


async def test_a_wrong_accept_is_found_and_the_whole_batch_done_again(driver: EmulatedDriver, drawn: Drawn) -> None:
    engine = Engine(paths.verifier(), Lying(driver), SETTINGS, Random(1))
    await engine.admit(drawn[0])
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    assert engine.counts.disagreements == 1
    assert engine.counts.degraded == "a verdict of the device is not the processor's"
    engine.close()


async def test_a_lying_device_fails_its_examination(driver: EmulatedDriver) -> None:
    engine = Engine(paths.verifier(), Lying(driver), SETTINGS, Random(1))
    await engine.start()
    assert "self-test" in engine.counts.degraded and engine.counts.self_tests == 0
    engine.close()


async def test_a_device_that_hangs_is_given_up_in_less_than_a_second(driver: EmulatedDriver, drawn: Drawn) -> None:
    engine = Engine(
        paths.verifier(), CudaDevice(driver), Settings(deadline_ms=300, device_from=1, recheck_one_in=64, admission_deadline_ms=20_000)
    )
    await engine.admit(drawn[0])
    driver.hangs = True
    begun = time.process_time()
    outcomes = await asyncio.gather(*(engine.verify_votes(drawn[1]) for _ in range(5)))
    assert outcomes == [right(drawn)] * 5
    assert engine.counts.degraded == "the device did not answer within 300 ms"
    assert time.process_time() - begun < 1.0, "the processor did not wait for it"
    driver.hangs = False  # It comes back: too late, and nobody hears it.
    await asyncio.sleep(0.05)
    asked = len(driver.calls)
    assert await engine.verify_votes(drawn[1]) == outcomes[0]
    assert len(driver.calls) == asked
    assert (engine.counts.device_batches, engine.counts.processor_batches) == (0, 6)
    engine.close()


async def test_a_lost_device_leaves_no_batch_without_an_outcome(engine: Engine, driver: EmulatedDriver, drawn: Drawn) -> None:
    await engine.start()
    await engine.admit(drawn[0])
    first = await engine.verify_votes(drawn[1])
    driver.lost = "Xid 79: the GPU has fallen off the bus"
    outcomes = await asyncio.gather(*(engine.verify_votes(drawn[1]) for _ in range(4)))
    assert [first, *outcomes] == [right(drawn)] * 5
    assert engine.counts.degraded == "DeviceLost: Xid 79: the GPU has fallen off the bus"
    assert (engine.counts.device_batches, engine.counts.processor_batches) == (1, 4)
    assert not await engine.self_test()


async def test_too_little_memory_is_no_reason_to_give_a_device_up(driver: EmulatedDriver, drawn: Drawn) -> None:
    engine = Engine(paths.verifier(), CudaDevice(driver, memory_bytes_max=1 << 20), SETTINGS)
    await engine.admit(drawn[0])
    assert await engine.verify_votes(drawn[1]) == right(drawn)
    assert (engine.counts.memory_limit, engine.counts.degraded, engine.counts.processor_batches) == (1, "", 1)
    engine.close()


async def test_votes_of_an_epoch_that_ended_are_refused(engine: Engine, drawn: Drawn) -> None:
    with pytest.raises(BatchRefused, match="not admitted or has ended"):
        await engine.verify_votes(drawn[1])
    await engine.admit(drawn[0])
    await engine.verify_votes(drawn[1])
    engine.retire(drawn[0].epoch)
    with pytest.raises(BatchRefused, match=f"epoch: {drawn[0].epoch}"):
        await engine.verify_votes(drawn[1])
    assert engine.counts.refused_batches == 2


async def test_the_newest_two_epochs_are_kept(drawn: Drawn) -> None:
    engine = Engine(paths.verifier())
    for epoch in range(3):
        await engine.admit(ValidatorSet(epoch, drawn[0].keys))
    with pytest.raises(BatchRefused, match=r"votes are taken of \[1, 2\]"):
        await engine.verify_votes(VoteBatch(0, 1))
    assert (await engine.verify_votes(VoteBatch(2, 1))).verdicts == b""
    assert engine.counts.degraded == "no device"
    assert Verdict.ACCEPTED not in engine.counts.verdicts
    engine.close()


async def test_the_watch_ends_with_the_device(driver: EmulatedDriver) -> None:
    engine = Engine(paths.verifier(), CudaDevice(driver), Settings(deadline_ms=20_000, selftest_interval_s=0))
    await engine.start()
    watching = asyncio.create_task(engine.watch())
    while engine.counts.self_tests < 3:
        await asyncio.sleep(0.01)
    driver.lost = "unplugged"
    await asyncio.wait_for(watching, 20)
    assert engine.counts.degraded == "DeviceLost: unplugged"
    engine.close()


async def test_an_examination_never_costs_a_live_epoch_its_tables(engine: Engine, driver: EmulatedDriver, drawn: Drawn) -> None:
    await engine.start()
    members, batch, _ = drawn
    for epoch in range(members.epoch - 4, members.epoch + 1):
        await engine.admit(ValidatorSet(epoch, members.keys, members.weights))
        assert await engine.self_test()
    made = driver.calls.count("launch table_bases_8")
    assert await engine.verify_votes(batch) == right(drawn)
    before = VoteBatch(members.epoch - 1, 1)
    before.vote(0, before.ballot(b"", 1), bytes(64))
    await engine.verify_votes(before)
    assert driver.calls.count("launch table_bases_8") == made, "both live epochs' tables were there"
    assert engine.counts.device_batches == 2
