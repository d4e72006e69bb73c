"""A million keys: what a member weighs, and how long it takes to be ready again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.load.run import write_all
from tests.benchmarks.load.workload import Workload
from tests.benchmarks.peers.ours import OurCluster

KEYS = 1_000_000


@dataclass(frozen=True)
class Footprint:
    keys: int
    memory_mb: list[float]
    """Resident memory of each member after the load."""
    restart_s: float
    """A follower, SIGTERM, then from the start of its process to ready."""
    restart_after_kill_s: float


def resident_mb(pid: int) -> float:
    """Anonymous and shared pages that the process holds: VmRSS, without the page cache of its files."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024 / 1e6


def measure(directory: Path, say: Callable[[str], None], keys: int = KEYS) -> Footprint:
    workload = Workload.make(keys)
    cluster = OurCluster(directory)
    try:
        cluster.start()
        leader = cluster.leader()
        assert leader is not None
        _fill(cluster, leader, workload, say)
        memory_mb = [resident_mb(pid) for pid in cluster.pids()]
        say(f"  memory with {keys} keys: {', '.join(f'{size:.0f} MB' for size in memory_mb)}")
        follower = (leader + 1) % len(cluster.client_ports)
        cluster.stop_member(follower)
        cluster.start_member(follower)
        restart_s = cluster.wait_ready(follower)
        cluster.kill_member(follower)
        cluster.start_member(follower)
        after_kill_s = cluster.wait_ready(follower)
        say(f"  ready again after {restart_s:.2f} s (stopped), {after_kill_s:.2f} s (killed)")
        return Footprint(keys, memory_mb, restart_s, after_kill_s)
    finally:
        cluster.stop()


def _fill(cluster: OurCluster, leader: int, workload: Workload, say: Callable[[str], None]) -> None:
    took_s = write_all(workload.stream_puts(), "127.0.0.1", cluster.client_ports[leader])
    say(f"  {len(workload.pairs)} keys written in {took_s:.1f} s, {len(workload.pairs) / took_s:.0f} a second")
