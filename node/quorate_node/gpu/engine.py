"""Who verifies a batch, and whether a device may be believed. A device gives speed; the processor gives the verdicts that count.

- A batch goes to the device from the size on at which it was measured to be faster (`calibration`), and else to the processor.
- The device's answers are sampled and verified again on the processor before anybody sees them; it is examined at start and every few
  minutes (`selftest`).
- Any disagreement, a lost device, or one that does not answer before the deadline latches the engine to the processor until the process is
  started again: no further call is made to it. The batches that it had are verified on the processor: each has one outcome.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

from quorate_node.crypto.verdict.fast import verify_fast
from quorate_node.crypto.verdict.rule import Verdict
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.calibration import NEVER, SIZES, Timing, crossover
from quorate_node.gpu.device import Device, MemoryLimit
from quorate_node.gpu.exact import vote_verdict
from quorate_node.gpu.outcome import SLOW_BYTES, Outcome, Verifier, checked
from quorate_node.gpu.records import BatchRefused, SignatureBatch, VoteBatch
from quorate_node.gpu.selftest import Examination, examination, repeated
from quorate_node.gpu.workers import Workers

EPOCHS_MAX: Final = 2
_POLL_S: Final = 0.00002
_IN_FLIGHT: Final = 2


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of the engine; times in milliseconds."""

    deadline_ms: int = 500
    """From asking a device to having its answer; after it the device is given up."""
    admission_deadline_ms: int = 30_000
    """For a set's tables, which no batch waits for."""
    recheck_one_in: int = 1024
    """Of the device's verdicts one in so many is verified again before the batch is answered."""
    selftest_interval_s: int = 300
    processor_threads: int = 1
    device_from: int | None = None
    """Signatures from which on the device is asked; None: what is measured at start."""
    calibration_sizes: tuple[int, ...] = SIZES


@dataclass(slots=True)
class Counts:
    """For metrics: monotonic, but for the last two."""

    device_batches: int = 0
    device_signatures: int = 0
    processor_batches: int = 0
    processor_signatures: int = 0
    verdicts: dict[Verdict, int] = field(default_factory=dict)
    slow_path: int = 0
    rechecked: int = 0
    disagreements: int = 0
    self_tests: int = 0
    memory_limit: int = 0
    refused_batches: int = 0
    device_from: int = NEVER
    degraded: str = ""
    """Why no device is asked any more; "" while one may be."""


class Engine:
    """Verifies batches for one process. Used from one event loop."""

    def __init__(
        self, processor: Verifier, device: Device | None = None, settings: Settings | None = None, random: Random | None = None
    ) -> None:
        """`random` draws the samples: nobody outside may foresee it (default: seeded by the system)."""
        self.settings = settings or Settings()
        self.counts = Counts()
        self._processor, self._device = processor, device
        self._random = random or Random()
        self._sets: dict[int, ValidatorSet] = {}
        self._on_device: set[int] = set()
        self._threads = ThreadPoolExecutor(self.settings.processor_threads, thread_name_prefix="verify")
        self._workers = Workers("device", _IN_FLIGHT) if device else None
        self._places = asyncio.Semaphore(_IN_FLIGHT)
        self._starting = threading.Lock()
        self._examination: Examination | None = None
        self.counts.device_from = NEVER if self.settings.device_from is None else self.settings.device_from
        if device is None:
            self.counts.degraded = "no device"

    async def start(self) -> None:
        """Examine the device, before any batch, and measure when it is worth it. Does not raise: one that fails is not asked again."""
        if self._device is not None:
            self._examination = await self._call(examination)
            if await self.self_test() and self.settings.device_from is None:
                await self.calibrate()

    async def calibrate(self) -> None:
        """Measure from which size on the device is faster, round trip from here, than all the processor's threads: a second or two."""
        given, device = self._examination, self._device
        if given is None or device is None:
            return
        timings = []
        for size in self.settings.calibration_sizes:
            batch = repeated(given.honest, size)
            processor_s = await self._call(partial(_seconds, partial(self._processor.verify_votes, given.members, batch)))
            await self._answer(partial(device.start_votes, given.members, batch), size)
            begun = time.perf_counter()
            if await self._answer(partial(device.start_votes, given.members, batch), size) is None:
                break
            timings.append(Timing(size, processor_s, time.perf_counter() - begun))
        self.counts.device_from = crossover(timings, self.settings.processor_threads)

    async def admit(self, members: ValidatorSet) -> None:
        """Make a set's votes verifiable, on the processor at once and on the device when its tables are there. The newest two are kept."""
        await self._call(lambda: self._processor.admit(members))
        self._sets.pop(members.epoch, None)
        self._sets[members.epoch] = members
        self._on_device.discard(members.epoch)
        for ended in list(self._sets)[:-EPOCHS_MAX]:
            self.retire(ended)
        if await self._admit_on_device(members):
            self._on_device.add(members.epoch)

    async def _admit_on_device(self, members: ValidatorSet) -> bool:
        device = self._device
        if device is None or self.counts.degraded:
            return False

        def work() -> bool:
            with self._starting:
                device.admit(members)
            return True

        return await self._asked(work, self.settings.admission_deadline_ms) is True

    def retire(self, epoch: int) -> None:
        """Take no more votes of an epoch."""
        self._sets.pop(epoch, None)
        self._on_device.discard(epoch)

    async def verify_votes(self, batch: VoteBatch) -> Outcome:
        """Verdicts and tallies of one batch. Raises `BatchRefused` for an epoch that is not, or no longer, admitted."""
        members = self._sets.get(batch.epoch)
        if members is None:
            self.counts.refused_batches += 1
            raise BatchRefused(f"epoch: {batch.epoch} is not admitted or has ended; votes are taken of {sorted(self._sets)}")
        outcome = None
        device = self._device
        if device is not None and self._worth_it(batch.count) and batch.epoch in self._on_device:
            outcome = await self._by_device(
                lambda: device.start_votes(members, batch), batch.count, lambda number: vote_verdict(members, batch, number)
            )
        if outcome is None:
            outcome = await self._by_processor(lambda: self._processor.verify_votes(members, batch), batch.count)
        return self._counted(outcome)

    async def verify_signatures(self, batch: SignatureBatch) -> Outcome:
        """Verdicts of signatures with keys of their own."""
        outcome = None
        device = self._device
        if device is not None and self._worth_it(batch.count):
            malformed = frozenset(batch.malformed)
            outcome = await self._by_device(
                lambda: device.start_signatures(batch),
                batch.count,
                lambda number: Verdict.MALFORMED if number in malformed else verify_fast(*batch.item(number)),
            )
        if outcome is None:
            outcome = await self._by_processor(lambda: self._processor.verify_signatures(batch), batch.count)
        return self._counted(outcome)

    async def self_test(self) -> bool:
        """Whether the device gives the rule's verdicts about the examination's votes; one that does not is latched."""
        given, device = self._examination, self._device
        if device is None or given is None or self.counts.degraded or not await self._admit_on_device(given.members):
            return False
        for batch, expected in zip(given.batches, given.expected, strict=True):
            outcome = await self._answer(partial(device.start_votes, given.members, batch), batch.count)
            if outcome is None:
                return False
            if outcome != expected:
                self.counts.disagreements += 1
                self._latch("self-test: the device's verdicts are not the rule's")
                return False
        self.counts.self_tests += 1
        return True

    async def watch(self) -> None:
        """Examine the device every `selftest_interval_s` until it is latched or the task is cancelled."""
        while self._device is not None and not self.counts.degraded:
            await asyncio.sleep(self.settings.selftest_interval_s)
            await self.self_test()

    def close(self) -> None:
        """End the threads that can be ended."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._workers:
            self._workers.close()

    def _worth_it(self, count: int) -> bool:
        return not self.counts.degraded and count > 0 and count >= self.counts.device_from

    def _latch(self, why: str) -> None:
        self.counts.degraded = self.counts.degraded or why

    async def _by_device(self, start: Callable[[], Any], count: int, again: Callable[[int], Verdict]) -> Outcome | None:
        outcome = await self._answer(start, count)
        if outcome is None:
            return None
        sample = self._sample(count)
        if not await self._call(lambda: all(outcome.verdicts[number] == again(number) for number in sample)):
            self.counts.disagreements += 1
            self._latch("a verdict of the device is not the processor's")
            return None
        self.counts.rechecked += len(sample)
        if self.counts.degraded:
            return None  # It was given up while this batch was looked at.
        self.counts.device_batches += 1
        self.counts.device_signatures += count
        return outcome

    def _sample(self, count: int) -> Sequence[int]:
        """Numbers to verify again: each signature with the same chance, at least one a batch of `recheck_one_in`."""
        whole, rest = divmod(count, self.settings.recheck_one_in)
        number = whole + (self._random.randrange(self.settings.recheck_one_in) < rest)
        return sorted(self._random.sample(range(count), min(number, count)))

    async def _answer(self, start: Callable[[], Any], count: int) -> Outcome | None:
        """The device's outcome, or None: it was given up, or has no room."""
        device = self._device
        assert device is not None

        def work() -> Outcome:
            with self._starting:
                running = start()
            while not device.done(running):
                time.sleep(_POLL_S)
            return checked(device.take(running), count)

        async with self._places:
            outcome: Outcome | None = await self._asked(work, self.settings.deadline_ms)
            return outcome

    async def _asked(self, work: Callable[[], Any], deadline_ms: int) -> Any:
        """What the device says, or None. A deadline that passes, and any error but of memory, is the last that it is asked."""
        if self.counts.degraded or self._workers is None:
            return None
        future = self._workers.run(work)
        done, _ = await asyncio.wait({future}, timeout=deadline_ms / 1000)
        if not done:
            future.cancel()
            self._latch(f"the device did not answer within {deadline_ms} ms")
            return None
        error = future.exception()
        if isinstance(error, MemoryLimit):
            self.counts.memory_limit += 1
            return None
        if error is not None:
            self._latch(f"{type(error).__name__}: {error}")
            return None
        return future.result()

    async def _by_processor(self, work: Callable[[], Outcome], count: int) -> Outcome:
        outcome = await self._call(work)
        self.counts.processor_batches += 1
        self.counts.processor_signatures += count
        return checked(outcome, count)

    async def _call(self, work: Callable[[], Any]) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _counted(self, outcome: Outcome) -> Outcome:
        for verdict, number in outcome.reasons().items():
            self.counts.verdicts[verdict] = self.counts.verdicts.get(verdict, 0) + number
        self.counts.slow_path += sum(outcome.verdicts.count(bytes((code,))) for code in SLOW_BYTES)
        return outcome


def _seconds(work: Callable[[], object]) -> float:
    work()  # Tables are made and caches filled: not a part of what is measured.
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
