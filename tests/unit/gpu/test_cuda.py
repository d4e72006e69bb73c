"""The device's host side over the real kernels, run on this processor: buffers, graphs by bucket, tables by epoch, two lanes, limits."""

from __future__ import annotations

from random import Random

import pytest

from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.cuda import BUCKETS, LANES, TOGETHER_MAX, CudaDevice, bucket, stride
from quorate_node.gpu.cuda_tables import SETS_KEPT
from quorate_node.gpu.device import DeviceLost, MemoryLimit
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.outcome import Outcome, VerifierFault, checked
from quorate_node.gpu.records import SignatureBatch, VoteBatch
from tests.conformance.ed25519 import forging, fuzz, paths
from tests.unit.gpu.emulated_driver import EmulatedDriver

HOST = ExactVerifier()


@pytest.fixture
def driver() -> EmulatedDriver:
    return EmulatedDriver(paths.verifier(8, True)._library)


@pytest.fixture
def device(driver: EmulatedDriver) -> CudaDevice:
    return CudaDevice(driver)


def votes(device: CudaDevice, members: ValidatorSet, batch: VoteBatch) -> Outcome:
    running = device.start_votes(members, batch)
    assert device.done(running)
    return checked(device.take(running), batch.count)


@pytest.mark.parametrize("count", [1, 64, TOGETHER_MAX, TOGETHER_MAX + 1, 300])
def test_votes_have_the_hosts_outcome(device: CudaDevice, count: int) -> None:
    members, batch, _ = fuzz.votes(Random(count), validators=3, count=count)
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)


def test_signatures_have_the_hosts_outcome(device: CudaDevice) -> None:
    batch = SignatureBatch()
    for family in (forging.torsion_shifted, forging.small_orders, forging.wrong_lengths, forging.message_lengths):
        for case in family(Random(1)):
            batch.append(case.public_key, case.message, case.signature)
    running = device.start_signatures(batch)
    assert device.done(running)
    assert checked(device.take(running), batch.count) == paths.verifier().verify_signatures(batch)


def test_a_batch_in_pinned_memory_is_not_copied_first(device: CudaDevice, driver: EmulatedDriver) -> None:
    members, drawn, _ = fuzz.votes(Random(5), validators=2, count=150)
    batch = device.new_batch(drawn.epoch, 200)
    for ballot in range(drawn.ballots):
        batch.ballot(drawn.message(ballot), drawn.thresholds[ballot])
    batch.votes(drawn.vote_bytes)
    assert batch.pinned_address
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, drawn)


def test_a_graph_is_captured_once_a_bucket_and_anew_when_memory_moves(device: CudaDevice, driver: EmulatedDriver) -> None:
    def launches() -> int:
        return sum(call.startswith("launch vote_sum") for call in driver.calls)

    for count in (250, 200, 220):
        members, batch, _ = fuzz.votes(Random(count), validators=2, count=count)
        assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)
    before = launches()
    members, batch, _ = fuzz.votes(Random(9), validators=2, count=600)
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)
    assert (before, launches()) == (1, 2)


def test_two_batches_are_under_way_at_once_and_a_third_waits(device: CudaDevice) -> None:
    drawn = [fuzz.votes(Random(number), validators=2, count=200) for number in range(LANES + 1)]
    running = [device.start_votes(members, batch) for members, batch, _ in drawn[:LANES]]
    with pytest.raises(MemoryLimit, match="2 are on the device already"):
        device.start_votes(*drawn[LANES][:2])
    outcomes = []
    for one in reversed(running):
        assert device.done(one)
        outcomes.insert(0, device.take(one))
    outcomes.append(votes(device, *drawn[LANES][:2]))
    assert outcomes == [paths.verifier().verify_votes(members, batch) for members, batch, _ in drawn]


def test_tables_are_made_once_an_epoch_and_old_ones_given_back(device: CudaDevice, driver: EmulatedDriver) -> None:
    members, batch, _ = fuzz.votes(Random(1), validators=2, count=150)
    votes(device, members, batch)
    made = driver.calls.count("launch table_bases_8")
    votes(device, members, batch)
    assert driver.calls.count("launch table_bases_8") == made
    taken = []
    for epoch in range(100, 106):
        device.admit(ValidatorSet(epoch, members.keys))
        taken.append((driver.held, device.memory_used))
    assert len(set(taken[SETS_KEPT - 2 :])) == 1, "the newest are kept, whatever their number"
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)


def test_the_limit_of_memory_is_kept_and_nothing_leaks(driver: EmulatedDriver) -> None:
    device = CudaDevice(driver, memory_bytes_max=2 << 20)
    members, batch, _ = fuzz.votes(Random(1), validators=2, count=150)
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)
    held, used = driver.held, device.memory_used
    with pytest.raises(MemoryLimit, match="over the limit of 2097152"):
        device.admit(ValidatorSet(2, [fuzz.Key(Random(number)).public_key for number in range(6)]))
    assert (driver.held, device.memory_used) <= (held, used)
    assert votes(device, members, batch) == paths.verifier().verify_votes(members, batch)


def test_a_kernel_that_did_not_run_leaves_no_verdict(device: CudaDevice, driver: EmulatedDriver) -> None:
    members, batch, _ = fuzz.votes(Random(2), validators=2, count=200)
    votes(device, members, batch)
    driver.corrupt = lambda name: name != "finish_all"
    with pytest.raises(VerifierFault, match="255"):
        votes(device, members, batch)


def test_tables_that_a_batch_reads_stay_until_it_is_done(device: CudaDevice, driver: EmulatedDriver) -> None:
    members, batch, _ = fuzz.votes(Random(2), validators=2, count=200)
    running = device.start_votes(members, batch)
    for epoch in range(3):
        device.admit(ValidatorSet(epoch, members.keys))
    assert device.done(running)
    assert device.take(running) == paths.verifier().verify_votes(members, batch)


def test_a_lost_device_says_so(device: CudaDevice, driver: EmulatedDriver) -> None:
    members, batch, _ = fuzz.votes(Random(2), validators=2, count=200)
    driver.lost = "Xid 79: the GPU has fallen off the bus"
    with pytest.raises(DeviceLost, match="Xid 79"):
        device.start_votes(members, batch)


def test_buckets_hold_what_they_say() -> None:
    assert [bucket(count) for count in (1, 256, 257, BUCKETS[-1])] == [256, 256, 1024, BUCKETS[-1]]
    with pytest.raises(MemoryLimit, match="4194305"):
        bucket(BUCKETS[-1] + 1)
    for count in (1, 7, 8, 9, 65_536, 65_537, BUCKETS[-1]):
        assert 1 <= stride(count) <= stride(bucket(count)) or bucket(count) > 65_536 >= count
