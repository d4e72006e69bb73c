"""Both systems under the same closed loops, in turn: only one of them runs at a time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.load.run import Load, Measured, run_load, write_all
from tests.benchmarks.load.workload import Workload
from tests.benchmarks.peers.etcd import PUT, EtcdCluster
from tests.benchmarks.peers.ours import OurCluster
from tests.benchmarks.rows import Row

HOST = "127.0.0.1"


@dataclass
class Figures:
    """What one system showed on one row, a run an item."""

    per_second: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    client_cores: list[float] = field(default_factory=list)

    def add(self, measured: Measured) -> None:
        sample = measured.sample
        if sample.failures:
            raise RuntimeError(f"{sample.failures} requests failed, the first: {sample.first_failure}")
        self.per_second.append(sample.per_second)
        self.p50_ms.append(sample.percentile_ms(0.50))
        self.p99_ms.append(sample.percentile_ms(0.99))
        self.cpu_us.append(measured.cpu_us_per_operation)
        self.client_cores.append(measured.client_cpu_s / sample.seconds)

    def median(self, figure: str) -> float:
        return median(getattr(self, figure))


@dataclass
class RowResult:
    row: Row
    ours: Figures = field(default_factory=Figures)
    theirs: Figures = field(default_factory=Figures)

    @property
    def judged(self) -> float | None:
        """The value that goal and floor are for; None without etcd to compare with."""
        if self.row.figure == "cpu_us":
            return self.ours.median("cpu_us")
        if not self.theirs.per_second:
            return None
        return self.ours.median(self.row.figure) / self.theirs.median(self.row.figure)

    def as_json(self) -> dict[str, Any]:
        row = self.row
        return {
            "row": row.name, "title": row.title, "figure": row.figure, "goal": row.goal, "floor": row.floor, "judged": self.judged,
            "quorate": vars(self.ours), "etcd": vars(self.theirs),
        }  # fmt: skip


def _wait_leader(cluster: OurCluster | EtcdCluster) -> int:
    deadline = time.monotonic() + 30.0
    while (leader := cluster.leader()) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{cluster.name} has no leader")
        time.sleep(0.1)
    return leader


def measure(rows: Sequence[Row], directory: Path, *, repeats: int, seconds: float, with_etcd: bool) -> list[RowResult]:
    """Run every row `repeats` times on each system; who begins alternates. Raises RuntimeError when a request fails."""
    workload = Workload.make()
    results = [RowResult(row) for row in rows]
    for repeat in range(repeats):
        systems = ["quorate", "etcd"] if repeat % 2 == 0 else ["etcd", "quorate"]
        for system in systems:
            if system == "etcd" and not with_etcd:
                continue
            place = directory / f"{system}-{repeat}"
            place.mkdir(parents=True)
            cluster: OurCluster | EtcdCluster = OurCluster(place) if system == "quorate" else EtcdCluster(place)
            try:
                cluster.start()
                _every_key_is_there(cluster, workload)
                for result in results:
                    _one(result, cluster, workload, seconds)
            finally:
                cluster.stop()
            shutil.rmtree(place)
    return results


def _every_key_is_there(cluster: OurCluster | EtcdCluster, workload: Workload) -> None:
    """Reads find what they read: each key is written before, by the system's own fast way."""
    port = cluster.client_ports[_wait_leader(cluster)]
    if isinstance(cluster, OurCluster):
        write_all(workload.stream_puts(), HOST, port)
    else:
        # Closed loops begin at different places and go round: in this time, at this system's slowest, they have met.
        run_load(Load("grpc", 8, 8, workload.etcd_puts(), PUT), HOST, port, cluster.pids(), seconds=len(workload.pairs) / 4_000)


def _one(result: RowResult, cluster: OurCluster | EtcdCluster, workload: Workload, seconds: float) -> None:
    leader = _wait_leader(cluster)
    if isinstance(cluster, OurCluster):
        load, figures = result.row.ours(workload, f"{HOST}:{cluster.client_ports[leader]}"), result.ours
    else:
        load, figures = result.row.theirs(workload), result.theirs
    measured = run_load(load, HOST, cluster.client_ports[leader], cluster.pids(), seconds=seconds)
    figures.add(measured)
    sample = measured.sample
    print(
        f"  {cluster.name:8} {result.row.name:12} {sample.per_second:10.0f}/s  p50 {sample.percentile_ms(0.5):7.2f} ms"
        f"  p99 {sample.percentile_ms(0.99):7.2f} ms  {measured.cpu_us_per_operation:6.0f} us CPU/op",
        flush=True,
    )
