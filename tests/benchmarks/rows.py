"""The rows of the table: what is measured on either side, the goal to try for and the floor that must hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.benchmarks.load.run import Load
from tests.benchmarks.load.workload import Workload
from tests.benchmarks.peers.etcd import PUT, RANGE

CPU_FLOOR_US = 139.0


@dataclass(frozen=True)
class Row:
    """One load on both systems. `figure`: per_second (higher is better), p50_ms, or cpu_us (lower is better).

    Goal and floor are ratios to etcd's figure in the same run, but for cpu_us, which is in microseconds.
    """

    name: str
    title: str
    figure: str
    goal: float
    floor: float
    ours: Callable[[Workload, str], Load]
    theirs: Callable[[Workload], Load]

    @property
    def higher_is_better(self) -> bool:
        return self.figure == "per_second"

    def reached(self, value: float, wanted: float) -> bool:
        return value >= wanted if self.higher_is_better else value <= wanted


def _post(connections: int) -> Callable[[Workload, str], Load]:
    return lambda workload, authority: Load("http", connections, 1, workload.http_puts(authority))


def _get(connections: int) -> Callable[[Workload, str], Load]:
    return lambda workload, authority: Load("http", connections, 1, workload.http_gets(authority))


def _stream_put(connections: int, in_flight: int) -> Callable[[Workload, str], Load]:
    return lambda workload, _: Load("stream", connections, in_flight, workload.stream_puts())


def _stream_get(connections: int, in_flight: int) -> Callable[[Workload, str], Load]:
    return lambda workload, _: Load("stream", connections, in_flight, workload.stream_gets())


def _etcd_put(connections: int, in_flight: int) -> Callable[[Workload], Load]:
    return lambda workload: Load("grpc", connections, in_flight, workload.etcd_puts(), PUT)


def _etcd_get(connections: int, in_flight: int) -> Callable[[Workload], Load]:
    return lambda workload: Load("grpc", connections, in_flight, workload.etcd_gets(), RANGE)


ROWS = (
    Row("post64", "writes by POST, 64 connections", "per_second", 1.5, 1.0, _post(64), _etcd_put(8, 8)),
    Row("stream64", "writes by stream, 8 connections, 64 in flight", "per_second", 3.5, 2.2, _stream_put(8, 8), _etcd_put(8, 8)),
    Row("stream256", "writes by stream, 8 connections, 256 in flight", "per_second", 6.0, 3.8, _stream_put(8, 32), _etcd_put(8, 32)),
    Row("one-post", "one client's p50, POST", "p50_ms", 0.7, 0.9, _post(1), _etcd_put(1, 1)),
    Row("one-stream", "one client's p50, stream", "p50_ms", 0.7, 0.9, _stream_put(1, 1), _etcd_put(1, 1)),
    Row("get64", "linearizable GET, 64 connections", "per_second", 0.9, 0.7, _get(64), _etcd_get(8, 8)),
    Row("streamget64", "linearizable reads by stream, 64 in flight", "per_second", 6.0, 4.0, _stream_get(8, 8), _etcd_get(8, 8)),
    Row("cpu", "CPU a POST, three members, 64 connections", "cpu_us", 100.0, CPU_FLOOR_US, _post(64), _etcd_put(8, 8)),
)
