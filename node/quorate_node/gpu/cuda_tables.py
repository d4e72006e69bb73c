"""Validators' tables on the device: made there once an epoch, from 32 bytes a key; the newest sets are kept."""

from __future__ import annotations

import array
import ctypes
import time
from collections.abc import Mapping
from typing import Final

from quorate_node.crypto.verdict import curve
from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.arena import Arena, Budget, Pinned
from quorate_node.gpu.device import DeviceLost, Driver
from quorate_node.gpu.jobs import TableJob, entries, windows

ENTRY_BYTES: Final = 96
SETS_KEPT: Final = 3
"""Two epochs that votes come from, and the set of the examination: with the oldest going first, no live one ever does."""
RUNS_AT_ONCE: Final = 65_536
"""Threads of one launch that make entries: bounds their scratch (4 kB each)."""
MAKING_TIMEOUT_S: Final = 30.0
_BASE_BYTES: Final = 128
_FIELD_BYTES: Final = 32
_RUN: Final = 128
_THREADS: Final = 128


class Tables:
    """Of the base point, and of the sets that votes come from."""

    def __init__(self, driver: Driver, budget: Budget, bits: int) -> None:
        self._driver, self._budget, self._bits = driver, budget, bits
        self._stream = driver.stream()
        self._base: dict[int, Arena] = {}
        self._sets: dict[tuple[int, tuple[bytes, ...], tuple[int, ...]], Arena] = {}

    def base(self, bits: int) -> int:
        """Address of the base point's table."""
        if bits not in self._base:
            self._base[bits] = self._made(bits, curve.encode(curve.BASE), b"", negative=False)
        return self._base[bits]["table"]

    def admit(self, members: ValidatorSet, idle: bool) -> Arena:
        """Parts `keys`, `table` and `weights` of a set. Old sets go only while the device is idle: a kernel may be reading them. Raises
        `MemoryLimit`."""
        key = (members.epoch, members.keys, members.weights)
        if key not in self._sets:
            surplus = max(0, len(self._sets) + 1 - SETS_KEPT) if idle else 0
            for old in list(self._sets)[:surplus]:
                self._sets.pop(old).release()
            weights = array.array("Q", members.weights).tobytes()
            self._sets[key] = self._made(self._bits, b"".join(members.keys), weights, negative=True)
        return self._sets[key]

    def release(self) -> None:
        """Give all of it back."""
        for arena in (*self._base.values(), *self._sets.values()):
            arena.release()
        self._base.clear()
        self._sets.clear()

    def _made(self, bits: int, keys: bytes, weights: bytes, *, negative: bool) -> Arena:
        driver, number = self._driver, len(keys) // 32
        kept, scratch, pinned = Arena(driver, self._budget), Arena(driver, self._budget), Pinned(driver)
        runs = number * windows(bits) * max(1, (1 << (bits - 1)) // _RUN)
        at_once = min(runs, RUNS_AT_ONCE)
        inputs: Mapping[str, bytes] = {"keys": keys, "weights": weights}
        try:
            kept.fit({"keys": len(keys), "weights": len(weights), "table": number * entries(bits) * ENTRY_BYTES})
            scratch.fit(
                {"job": ctypes.sizeof(TableJob), "bases": number * windows(bits) * _BASE_BYTES, "prefixes": at_once * _RUN * _FIELD_BYTES}
            )
            pinned.fit({"job": ctypes.sizeof(TableJob), **{name: len(data) for name, data in inputs.items()}})
            for name, data in inputs.items():
                if data:
                    driver.copy_in(self._stream, kept[name], pinned.address(name), pinned.put(name, data))
            job = TableJob(keys=number, encoded=kept["keys"], table=kept["table"], negative=negative, all_runs=runs)
            job.bases, job.prefixes = scratch["bases"], scratch["prefixes"]
            for first in range(0, runs, at_once):
                job.first_run = first
                # The job's pinned copy is used again: the one before must have gone over.
                driver.copy_in(self._stream, scratch["job"], pinned.address("job"), pinned.put("job", bytes(job)))
                if first == 0:
                    driver.launch(self._stream, f"table_bases_{bits}", -(-number // _THREADS), _THREADS, scratch["job"])
                driver.launch(self._stream, f"table_entries_{bits}", -(-min(at_once, runs - first) // _THREADS), _THREADS, scratch["job"])
                self._wait()
        except BaseException:
            kept.release()
            raise
        finally:
            scratch.release()
        return kept

    def _wait(self) -> None:
        event, deadline_s = self._driver.record(self._stream), time.monotonic() + MAKING_TIMEOUT_S
        while not self._driver.done(event):
            if time.monotonic() > deadline_s:
                raise DeviceLost(f"tables: the device did not make them within {MAKING_TIMEOUT_S:g} s")
            time.sleep(0.0001)
