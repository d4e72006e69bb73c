"""How fast a device verifies, and what part of its ceiling that is; beside it the processor, PyNaCl and `cryptography` on the same machine.

Rates are of kernels alone, with the input on the device, by the device's own events; clocks are logged. The ceiling counts multiplier slots
(reference: gpu.md 2): slots of one verification, of 64 a clock and multiprocessor.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nacl.bindings import crypto_sign_open

from quorate_node.crypto.verdict.validators import ValidatorSet
from quorate_node.gpu.cuda import CudaDevice
from quorate_node.gpu.host import host_verifier
from quorate_node.gpu.jobs import WIDTHS
from quorate_node.gpu.outcome import Verifier
from quorate_node.gpu.records import VoteBatch
from tests.gpu.workload import fill, members_of, signatures

SLOTS = {"generic": 352_000, "fixed 8": 66_000, "fixed 12": 46_000, "fixed 16": 34_000}
"""Multiplier slots of one verification, counted (gpu.md 2)."""
GOALS_PER_S = {"generic": 12e6, "fixed 8": 70e6}


@dataclass(frozen=True)
class Rate:
    """Signatures a second of one way at one batch size; `fraction` of the ceiling at the clock that was read meanwhile."""

    way: str
    validators: int
    batch: int
    per_second: float
    fraction: float | None


@dataclass(frozen=True)
class Plan:
    """What is measured: sizes for a device, and small ones for a rehearsal without."""

    batches: Sequence[int] = (1024, 4096, 16_384, 65_536, 262_144, 1_048_576)
    validators: Sequence[int] = (4, 100, 1000)
    widths: Sequence[int] = WIDTHS
    repeat: int = 20
    latency_batch: int = 64
    latency_times: int = 2000
    end_to_end_batch: int = 65_536
    end_to_end_times: int = 200
    memory_bytes_max: int = 100 << 30


def device_rates(driver: Any, plan: Plan, clock_hz: Callable[[], float | None]) -> list[Rate]:
    """Every way at every size."""
    found = []
    multiprocessors = driver.facts().multiprocessors

    def rate(device: CudaDevice, running: Any, way: str, validators: int, batch: int) -> None:
        work, stream = device.again(running), running.lane.stream
        driver.timed(stream, work)
        seconds = driver.timed(stream, lambda: [work() for _ in range(plan.repeat)] and None)
        clock = clock_hz()
        per_second = batch * plan.repeat / seconds
        fraction = None if clock is None else per_second * SLOTS[way] / (64 * multiprocessors * clock)
        found.append(Rate(way, validators, batch, per_second, fraction))

    for bits in plan.widths:
        for validators in plan.validators:
            if bits == 16 and validators > 200:
                continue  # 50 MB a validator.
            device = CudaDevice(driver, bits=bits, memory_bytes_max=plan.memory_bytes_max)
            members, keys = members_of(validators)
            for batch in plan.batches:
                votes = fill(device.new_batch(1, batch), keys, batch)
                running = device.start_votes(members, votes)
                wait(device, running)
                rate(device, running, f"fixed {bits}", validators, batch)
                assert device.take(running).accepted == batch, "every vote is right"
            device.close()
    device = CudaDevice(driver, memory_bytes_max=plan.memory_bytes_max)
    _, keys = members_of(16)
    for batch in plan.batches:
        running = device.start_signatures(signatures(keys, batch))
        wait(device, running)
        rate(device, running, "generic", 0, batch)
        assert device.take(running).accepted == batch, "every signature is right"
    device.close()
    return found


def wait(device: CudaDevice, running: Any) -> None:
    """Until it is done."""
    while not device.done(running):
        time.sleep(0)


def latency(driver: Any, plan: Plan) -> dict[str, float]:
    """Microseconds from Python's call to its verdicts, for a small batch of the fixed set."""
    device = CudaDevice(driver, memory_bytes_max=plan.memory_bytes_max)
    members, keys = members_of(16)
    votes = fill(device.new_batch(1, plan.latency_batch), keys, plan.latency_batch)
    took = []
    for _ in range(plan.latency_times + 50):
        begun = time.perf_counter()
        running = device.start_votes(members, votes)
        while not device.done(running):
            pass
        outcome = device.take(running)
        took.append((time.perf_counter() - begun) * 1e6)
    assert outcome.accepted == plan.latency_batch
    device.close()
    took = sorted(took[50:])
    return {"batch": plan.latency_batch, "p50_us": statistics.median(took), "p99_us": took[int(len(took) * 0.99)], "least_us": took[0]}


def end_to_end(driver: Any, plan: Plan) -> dict[str, float]:
    """Signatures a second from pinned host memory to verdicts on the host, two batches under way."""
    device = CudaDevice(driver, memory_bytes_max=plan.memory_bytes_max)
    members, keys = members_of(100)
    batches = [fill(device.new_batch(1, plan.end_to_end_batch), keys, plan.end_to_end_batch) for _ in range(2)]
    running = [device.start_votes(members, batch) for batch in batches]
    for one in running:
        wait(device, one)
        device.take(one)
    begun = time.perf_counter()
    running = [device.start_votes(members, batches[0])]
    for number in range(1, plan.end_to_end_times):
        running.append(device.start_votes(members, batches[number % 2]))
        first = running.pop(0)
        wait(device, first)
        device.take(first)
    wait(device, running[0])
    device.take(running[0])
    seconds = time.perf_counter() - begun
    device.close()
    return {"batch": plan.end_to_end_batch, "per_second": plan.end_to_end_batch * plan.end_to_end_times / seconds}


def processor_rates(count: int = 4096, rounds: int = 5) -> dict[str, Any]:
    """Signatures a second on one core, by processor time, the best of some rounds in turn: the ratios are what counts on a busy machine."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    verifier, waived = host_verifier()
    members, keys = members_of(100)
    votes, unknown = fill(VoteBatch(1, count), keys, count), signatures(keys, count)
    items = [unknown.item(number) for number in range(min(500, count))]
    verifier.admit(members)
    ways: dict[str, tuple[int, Callable[[], object]]] = {
        f"fixed set, {verifier.name}": (count, lambda: verifier.verify_votes(members, votes)),
        f"generic, {verifier.name}": (count, lambda: verifier.verify_signatures(unknown)),
        "PyNaCl": (len(items), lambda: [crypto_sign_open(signature + message, key) for key, message, signature in items]),
        "cryptography": (
            len(items),
            lambda: [Ed25519PublicKey.from_public_bytes(key).verify(signature, message) for key, message, signature in items],
        ),
    }
    best = dict.fromkeys(ways, 0.0)
    for _ in range(rounds):
        for name, (number, work) in ways.items():
            begun = time.process_time()
            work()
            best[name] = max(best[name], number / (time.process_time() - begun))
    return {"waived": waived, "per_second": best, "over_pynacl": {name: rate / best["PyNaCl"] for name, rate in best.items()}}


def curve(driver: Any | None, verifier: Verifier | None = None) -> list[dict[str, float]]:
    """Seconds a batch by size: the processor on one thread and, where there is one, the device from Python; what calibration sees."""
    from quorate_node.gpu.calibration import SIZES

    chosen = verifier or host_verifier()[0]
    members, keys = members_of(100)
    device = CudaDevice(driver) if driver else None
    found = []
    for size in SIZES:
        votes = fill(VoteBatch(1, size), keys, size)
        row = {"batch": float(size), "processor_s": _least(lambda votes=votes: chosen.verify_votes(members, votes))}  # type: ignore[misc]
        if device:
            row["device_s"] = _least(lambda votes=votes, device=device: _round(device, members, votes))  # type: ignore[misc]
        found.append(row)
    if device:
        device.close()
    return found


def _round(device: CudaDevice, members: ValidatorSet, votes: VoteBatch) -> None:
    running = device.start_votes(members, votes)
    wait(device, running)
    device.take(running)


def _least(work: Callable[[], object], times: int = 3) -> float:
    work()
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        took.append(time.perf_counter() - begun)
    return min(took)


def report(driver: Any | None, clock_hz: Callable[[], float | None], plan: Plan) -> dict[str, Any]:
    """Everything, as JSON would have it."""
    found: dict[str, Any] = {"processor": processor_rates(), "curve": curve(driver)}
    if driver is not None:
        found["device"] = asdict(driver.facts())
        found["clock_mhz_before"] = _megahertz(clock_hz())
        found["rates"] = [asdict(rate) for rate in device_rates(driver, plan, clock_hz)]
        found["latency"] = latency(driver, plan)
        found["end_to_end"] = end_to_end(driver, plan)
        found["clock_mhz_after"] = _megahertz(clock_hz())
    return found


def _megahertz(clock_hz: float | None) -> float | None:
    return None if clock_hz is None else clock_hz / 1e6


def tables(found: dict[str, Any]) -> str:
    """The report as Markdown, as docs/gpu.md has it."""
    lines = ["| one core | signatures/s | over PyNaCl |", "|---|---:|---:|"]
    processor = found["processor"]
    lines += [f"| {way} | {rate:,.0f} | {processor['over_pynacl'][way]:.2f} |" for way, rate in processor["per_second"].items()]
    if processor["waived"]:
        lines.append(f"\nWaived: {processor['waived']}")
    if "rates" in found:
        lines += [
            "",
            f"Device: {json.dumps(found['device'])}",
            f"SM clock {found['clock_mhz_before']} to {found['clock_mhz_after']} MHz",
            "",
        ]
        lines += ["| kernels alone | validators | batch | signatures/s | of the ceiling |", "|---|---:|---:|---:|---:|"]
        for rate in found["rates"]:
            fraction = "" if rate["fraction"] is None else f"{rate['fraction']:.1%}"
            lines.append(f"| {rate['way']} | {rate['validators'] or ''} | {rate['batch']:,} | {rate['per_second']:,.0f} | {fraction} |")
        lines += ["", f"Latency: {json.dumps(found['latency'])}", f"End to end: {json.dumps(found['end_to_end'])}"]
    return "\n".join(lines)
