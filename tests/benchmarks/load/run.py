"""One timed run of one load against one member, on an event loop of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from tests.benchmarks.load.grpc import GrpcConnection
from tests.benchmarks.load.http import HttpConnection
from tests.benchmarks.load.recorder import Recorder, Sample
from tests.benchmarks.load.stream import StreamConnection

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """`connections` connections with `in_flight` requests open on each; `way` is http, stream or grpc, `path` the gRPC method's."""

    way: str
    connections: int
    in_flight: int
    requests: Sequence[bytes]
    path: str = ""


@dataclass(frozen=True)
class Measured:
    sample: Sample
    members_cpu_s: float
    client_cpu_s: float

    @property
    def cpu_us_per_operation(self) -> float:
        """CPU of all members together, in microseconds an operation."""
        return self.members_cpu_s * 1e6 / self.sample.operations if self.sample.operations else float("nan")


def cpu_s(pids: Sequence[int]) -> float:
    """CPU that the processes and their threads have used so far: user and system, in seconds."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_SECOND


def _connection(load: Load, recorder: Recorder, authority: str, number: int) -> Callable[[], asyncio.Protocol]:
    """Connections begin at different places of the same list, so that they do not write the same key at once."""
    offset = number * len(load.requests) // load.connections
    if load.way == "http":
        assert load.in_flight == 1, "HTTP/1.1 has one request at a time on a connection"
        return lambda: HttpConnection(recorder, load.requests, offset)
    if load.way == "stream":
        return lambda: StreamConnection(recorder, authority, load.requests, load.in_flight, offset)
    assert load.way == "grpc", load.way
    return lambda: GrpcConnection(recorder, load.path.encode(), authority.encode(), load.requests, load.in_flight, offset)


async def _drive(load: Load, host: str, port: int, pids: Sequence[int], warm_up_s: float, seconds: float) -> Measured:
    loop = asyncio.get_running_loop()
    recorder = Recorder()
    transports = []
    try:
        for number in range(load.connections):
            transport, _ = await loop.create_connection(_connection(load, recorder, f"{host}:{port}", number), host, port)
            transports.append(transport)
        await recorder.warm_up(warm_up_s)
        return await _timed(recorder, pids, seconds)
    finally:
        recorder.running = False
        for transport in transports:
            transport.abort()
        await asyncio.sleep(0)


async def _timed(recorder: Recorder, pids: Sequence[int], seconds: float) -> Measured:
    before_s, client_before = cpu_s(pids), os.times()
    sample = await recorder.measure(seconds)
    after_s, client_after = cpu_s(pids), os.times()
    client = client_after.user + client_after.system - client_before.user - client_before.system
    return Measured(sample, after_s - before_s, client)


def run_load(load: Load, host: str, port: int, pids: Sequence[int], *, warm_up_s: float = 1.0, seconds: float = 5.0) -> Measured:
    """Drive `load` at host:port and measure it, with the CPU of the members `pids`.

    Raises ConnectionError when a connection breaks, RuntimeError when requests already fail during the warm-up.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_drive(load, host, port, pids, warm_up_s, seconds))


async def _write_all(tails: Sequence[bytes], host: str, port: int, connections: int, in_flight: int, timeout_s: float) -> float:
    loop = asyncio.get_running_loop()
    recorder = Recorder()
    share = -(-len(tails) // connections)
    begun_s = loop.time()
    transports, streams = [], []
    try:
        for begin in range(0, len(tails), share):
            limit = min(share, len(tails) - begin)
            stream = StreamConnection(recorder, f"{host}:{port}", tails, in_flight, begin, limit)
            transport, _ = await loop.create_connection(lambda stream=stream: stream, host, port)  # type: ignore[misc]
            transports.append(transport)
            streams.append(stream)
        everything = asyncio.gather(*(stream.finished.wait() for stream in streams))
        done, _ = await asyncio.wait([everything, recorder.lost], timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
        if everything not in done or recorder.failures:
            raise RuntimeError(f"not everything was written in {timeout_s} s; {recorder.failures} failures, {recorder.first_failure}")
        return loop.time() - begun_s
    finally:
        recorder.running = False
        for transport in transports:
            transport.abort()


def write_all(
    tails: Sequence[bytes], host: str, port: int, *, connections: int = 8, in_flight: int = 32, timeout_s: float = 900.0
) -> float:
    """Send each request of `tails` once, by stream; returns the seconds it took. Raises RuntimeError when one failed or time ran out."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_write_all(tails, host, port, connections, in_flight, timeout_s))
