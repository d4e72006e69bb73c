"""Batches on a GPU: two lanes (streams with memory of their own), so that one batch is copied while another is computed; a graph a bucket.

The order of kernels is prepare, sum, finish, slow, count, decide (kernels.cu); a few votes go through one kernel of two warps each instead.
Only workers' threads call this, one at a time for `start_*`; whoever waits for `done` holds no lock.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.arena import Arena, Budget, Pinned
from quorate_node.gpu.cuda_tables import Tables
from quorate_node.gpu.device import DeviceFacts, Driver, MemoryLimit
from quorate_node.gpu.jobs import Job
from quorate_node.gpu.outcome import PENDING, Outcome
from quorate_node.gpu.records import BALLOT, TALLY, VOTE, SignatureBatch, VoteBatch

BUCKETS: Final = (256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)
"""A graph is captured for each: its grids are the bucket's, the counts are read from the job."""
TOGETHER_MAX: Final = 128
"""Votes that get two warps each: up to about one block a multiprocessor, where latency is all that counts."""
THREADS: Final = 128
LANES: Final = 2
SLOW_BLOCKS_MAX: Final = 512
GENERIC_BASE_BITS: Final = 8
"""Width of the base point's table where keys are unknown: kernels/verify.h has the same."""
_DIGIT_BYTES: Final = 64
_POINT_BYTES: Final = 4 * 32
_MULTIPLES_BYTES: Final = 8 * 128


def bucket(count: int) -> int:
    """The smallest bucket that holds so many."""
    for size in BUCKETS:
        if count <= size:
            return size
    raise MemoryLimit(f"signatures: {count}, a device takes {BUCKETS[-1]} at once: send several batches")


def stride(count: int) -> int:
    """Threads that share the inversions: 8 signatures each while that fills the device, 32 in large batches."""
    return max(1, -(-count // (8 if count <= 65_536 else 32)))


@dataclass(slots=True)
class Running:
    """A batch on its way. `lane` is free again after `take`."""

    lane: _Lane
    event: Any
    graph: Any
    count: int
    ballots: int
    malformed: tuple[int, ...] = ()


class _Lane:
    """One stream, and what a batch on it needs."""

    def __init__(self, driver: Driver, budget: Budget) -> None:
        self.stream = driver.stream()
        self.memory = Arena(driver, budget)
        self.pinned = Pinned(driver)
        self.graphs: dict[tuple[str, int, int], Any] = {}
        self.generation = -1
        self.busy = False


class CudaDevice:
    """`Device` over a driver. `bits`: width of the tables' windows; `memory_bytes_max`: of device memory, context and code apart."""

    def __init__(self, driver: Driver, *, bits: int = 8, memory_bytes_max: int = 4 << 30) -> None:
        self._driver = driver
        self._budget = Budget(memory_bytes_max)
        self._bits = bits
        self._tables = Tables(driver, self._budget, bits)
        self._lanes = [_Lane(driver, self._budget) for _ in range(LANES)]

    def facts(self) -> DeviceFacts:
        return self._driver.facts()

    @property
    def memory_used(self) -> int:
        """Bytes of device memory that are taken, tables included."""
        return self._budget.used

    def new_batch(self, epoch: int, capacity: int) -> VoteBatch:
        memory, address = self._driver.pinned(capacity * VOTE.size)
        return VoteBatch(epoch, capacity, memory, address)

    def admit(self, members: ValidatorSet) -> None:
        self._tables.admit(members, self._idle)

    @property
    def _idle(self) -> bool:
        """Whether no kernel may be reading any table."""
        return not any(lane.busy for lane in self._lanes)

    def start_votes(self, members: ValidatorSet, batch: VoteBatch) -> Running:
        admitted = self._tables.admit(members, self._idle)
        base_table = self._tables.base(self._bits)
        size, words = bucket(batch.count), (len(members) + 31) // 32
        inputs = {"ballots": BALLOT.size * batch.ballots, "thresholds": 8 * batch.ballots}
        votes, outputs = {"votes": VOTE.size * size}, {"tallies": TALLY.size * batch.ballots}
        zeroed = {"voted": 4 * words * batch.ballots} | outputs
        lane = self._lane(inputs | votes, zeroed, size, inputs | ({} if batch.pinned_address else votes) | outputs)
        memory, pinned, stream = lane.memory, lane.pinned, lane.stream
        job = self._job(lane, batch.count)
        job.votes, job.ballots, job.ballot_count = memory["votes"], memory["ballots"], batch.ballots
        job.thresholds, job.voted, job.tallies = memory["thresholds"], memory["voted"], memory["tallies"]
        job.validator_count, job.validator_keys = len(members), admitted["keys"]
        job.tables, job.weights, job.base_table = admitted["table"], admitted["weights"], base_table
        pinned.put("ballots", batch.ballot_bytes)
        end = memory["thresholds"] + pinned.put("thresholds", memoryview(batch.thresholds))
        if batch.pinned_address:
            self._driver.copy_in(stream, memory["votes"], batch.pinned_address, VOTE.size * batch.count)
        else:
            end = memory["votes"] + pinned.put("votes", batch.vote_bytes)
        kind = "together" if batch.count <= TOGETHER_MAX else "votes"
        return self._run(lane, kind, size, job, end, memory["voted"])

    def start_signatures(self, batch: SignatureBatch) -> Running:
        size, base_table = bucket(batch.count), self._tables.base(GENERIC_BASE_BITS)
        inputs: Mapping[str, bytes | bytearray | memoryview] = {
            "keys": batch.keys,
            "signatures": batch.signatures,
            "offsets": memoryview(batch.offsets),
            "text": batch.text,
        }
        room = {name: memoryview(data).nbytes for name, data in inputs.items()}
        lane = self._lane(room, {"multiples": _MULTIPLES_BYTES * size}, size, room)
        job, end = self._job(lane, batch.count), 0
        job.multiples, job.base_table = lane.memory["multiples"], base_table
        for name, data in inputs.items():
            setattr(job, name, lane.memory[name])
            end = lane.memory[name] + lane.pinned.put(name, data)
        return self._run(lane, "generic", size, job, end, lane.memory["slow"], tuple(batch.malformed))

    def done(self, running: Running) -> bool:
        return self._driver.done(running.event)

    def take(self, running: Running) -> Outcome:
        lane = running.lane
        verdicts = bytearray(lane.pinned.get("verdicts", running.count))
        for number in running.malformed:
            verdicts[number] = Verdict.MALFORMED
        tallies = lane.pinned.get("tallies", TALLY.size * running.ballots) if running.ballots else b""
        lane.busy = False
        return Outcome(bytes(verdicts), tallies)

    def close(self) -> None:
        """Give all device memory back. No batch is under way."""
        assert self._idle, "a batch is under way"
        self._tables.release()
        for lane in self._lanes:
            lane.memory.release()
            lane.graphs.clear()

    def again(self, running: Running) -> Callable[[], None]:
        """What computes a batch once more on its lane, without any copies: for benchmarks, of batches whose signatures are all right (the
        list of slow ones is not emptied)."""
        return lambda: self._driver.replay(running.lane.stream, running.graph)

    def _lane(self, inputs: Mapping[str, int], zeroed: Mapping[str, int], size: int, pinned: Mapping[str, int]) -> _Lane:
        """A free lane with room. Inputs come first, and in the same order on both sides, so that one copy takes them all; `slow`, whose
        first word is its length, follows what must be zero, so that one fill does."""
        lane = next((lane for lane in self._lanes if not lane.busy), None)
        if lane is None:
            raise MemoryLimit(f"batches: {LANES} are on the device already: wait for one")
        first = {"job": ctypes.sizeof(Job)}
        lane.memory.fit(first | dict(inputs) | dict(zeroed) | _scratch(size))
        lane.pinned.fit(first | dict(pinned) | {"verdicts": size})
        if lane.generation != lane.memory.generation:
            lane.graphs.clear()
            lane.generation = lane.memory.generation
        lane.busy = True
        return lane

    def _job(self, lane: _Lane, count: int) -> Job:
        memory = lane.memory
        job = Job(count=count, stride=stride(count))
        for name in ("digits", "points", "verdicts", "slow"):
            setattr(job, name, memory[name])
        return job

    def _run(
        self, lane: _Lane, kind: str, size: int, job: Job, inputs_end: int, zeroed_from: int, malformed: tuple[int, ...] = ()
    ) -> Running:
        driver, stream, memory, pinned = self._driver, lane.stream, lane.memory, lane.pinned
        pinned.put("job", bytes(job))
        # A verdict that no kernel writes must be seen for what it is, on both sides.
        pinned.put("verdicts", bytes([PENDING]) * job.count)
        driver.copy_in(stream, memory["job"], pinned.address("job"), inputs_end - memory["job"])
        driver.fill(stream, zeroed_from, 0, memory["slow"] + 4 - zeroed_from)
        driver.fill(stream, memory["verdicts"], PENDING, job.count)
        # Blocks that decide ballots, rounded up: a graph for each power of two, not for each number of ballots.
        decide_blocks = 1 << (-(-job.ballot_count // THREADS) - 1).bit_length() if job.ballot_count else 0
        key = (kind, size, decide_blocks)
        if key not in lane.graphs:
            lane.graphs[key] = driver.capture(stream, self._kernels(lane, kind, size, decide_blocks))
        driver.replay(stream, lane.graphs[key])
        driver.copy_out(stream, pinned.address("verdicts"), memory["verdicts"], job.count)
        if job.ballot_count:
            driver.copy_out(stream, pinned.address("tallies"), memory["tallies"], TALLY.size * job.ballot_count)
        return Running(lane, driver.record(stream), lane.graphs[key], job.count, job.ballot_count, malformed)

    def _kernels(self, lane: _Lane, kind: str, size: int, decide_blocks: int) -> Callable[[], None]:
        blocks = -(-size // THREADS)
        finish = ("finish_all", -(-stride(size) // THREADS), THREADS)
        slow = ("slow_all", min(blocks, SLOW_BLOCKS_MAX), THREADS)
        steps = {
            "together": [(f"vote_together_{self._bits}", TOGETHER_MAX, 64)],
            "votes": [(f"vote_prepare_{self._bits}", blocks, THREADS), (f"vote_sum_{self._bits}", blocks, THREADS), finish, slow],
            "generic": [("generic_prepare", blocks, THREADS), ("generic_sum", blocks, THREADS), finish, slow],
        }[kind]
        if decide_blocks:
            steps += [("count_votes", blocks, THREADS), ("decide_ballots", decide_blocks, THREADS)]

        def work() -> None:
            for kernel, grid, threads in steps:
                self._driver.launch(lane.stream, kernel, grid, threads, lane.memory["job"])

        return work


def _scratch(size: int) -> dict[str, int]:
    return {"slow": 4 * (size + 1), "verdicts": size, "digits": _DIGIT_BYTES * size, "points": _POINT_BYTES * size}
