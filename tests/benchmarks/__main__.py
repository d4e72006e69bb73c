"""`make bench`: Quorate and etcd side by side on this machine. `--only NAME[,NAME]` for a part, `--quick` while developing."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks import failover, footprint
from tests.benchmarks.load.run import Load, run_load
from tests.benchmarks.load.workload import Workload
from tests.benchmarks.peers.etcd import EtcdCluster
from tests.benchmarks.peers.etcd_build import VERSION, etcd_binary
from tests.benchmarks.peers.ours import OurCluster
from tests.benchmarks.report import Verdict, at_most, interpreter, of_row, table, write
from tests.benchmarks.rows import ROWS
from tests.benchmarks.throughput import RowResult, measure

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build"
"""Data of both systems lies here, on one disk: a temporary directory might be memory, where syncs cost nothing."""


def say(line: str) -> None:
    print(line, flush=True)


class Bench:
    """One run: what was asked for, and what was found so far."""

    def __init__(self, given: argparse.Namespace, directory: Path) -> None:
        self.given = given
        self.directory = directory
        self.verdicts: list[Verdict] = []
        self.results: list[RowResult] = []
        self.others: dict[str, Any] = {"etcd_version": VERSION, "quick": given.quick}

    def place(self, name: str) -> Path:
        made = self.directory / name
        made.mkdir(parents=True)
        return made

    def throughput(self, names: set[str]) -> None:
        rows = [row for row in ROWS if row.name in names]
        if not rows:
            return
        repeats, seconds = (1, 2.0) if self.given.quick else (self.given.repeats, self.given.seconds)
        say(f"throughput: {repeats} run(s) of {seconds:.0f} s each")
        self.results = measure(rows, self.place("throughput"), repeats=repeats, seconds=seconds, with_etcd=not self.given.no_etcd)
        for result in self.results:
            verdict = of_row(result)
            if verdict is not None:
                self.verdicts.append(verdict)

    def failover(self) -> None:
        times = 3 if self.given.quick else 30
        say(f"failover: kill -9 of the leader, {times} times")
        cluster = OurCluster(self.place("failover"))
        try:
            formation_s = cluster.start()
            outages = failover.killed(cluster, times, say)
        finally:
            cluster.stop()
        self.others["failover_ms"], self.others["formation_s"] = outages.durations_ms, formation_s
        self.verdicts.append(at_most("failover", "failover after kill -9, p50", outages.percentile(0.5), 300.0, "ms"))
        self.verdicts.append(at_most("failover", "failover after kill -9, p99", outages.percentile(0.99), 500.0, "ms"))
        if not self.given.no_etcd:
            self._etcd_failover(3 if self.given.quick else 7)

    def _etcd_failover(self, times: int) -> None:
        etcd = EtcdCluster(self.place("failover-etcd"))
        try:
            etcd.start()
            theirs = failover.killed(etcd, times, say)
        finally:
            etcd.stop()
        self.others["etcd_failover_ms"] = theirs.durations_ms
        say(f"  etcd: p50 {theirs.percentile(0.5):.0f} ms, p99 {theirs.percentile(0.99):.0f} ms")

    def cut_off(self) -> None:
        times = 3 if self.given.quick else 30
        say(f"cut-off leader: {times} times")
        outages = asyncio.run(failover.cut_off(self.place("cut-off"), times, say))
        self.others["cut_off_ms"] = outages.durations_ms
        self.verdicts.append(at_most("cut-off", "failover of a leader that is cut off, p99", outages.percentile(0.99), 2_000.0, "ms"))

    def footprint(self) -> None:
        keys = 50_000 if self.given.quick else footprint.KEYS
        say(f"footprint: {keys} keys of 256 B")
        found = footprint.measure(self.place("footprint"), say, keys)
        self.others["footprint"] = asdict(found)
        self.verdicts.append(at_most("footprint", f"memory of a member, {keys} keys", max(found.memory_mb), 600.0, "MB"))
        slowest_s = max(found.restart_s, found.restart_after_kill_s)
        self.verdicts.append(at_most("footprint", f"restart to ready, {keys} keys", slowest_s * 1000, 5_000.0, "ms", f"{slowest_s:.2f} s"))

    def elections(self) -> None:
        minutes = 0.25 if self.given.quick else self.given.minutes
        say(f"elections under full load: {minutes:g} minutes")
        cluster = OurCluster(self.place("elections"))
        try:
            cluster.start()
            workload, before = Workload.make(), cluster.term()
            deadline = time.monotonic() + minutes * 60
            while time.monotonic() < deadline:
                leader = cluster.leader()
                assert leader is not None, "there is no leader"
                seconds = max(1.0, min(30.0, deadline - time.monotonic()))
                load = Load("stream", 8, 32, workload.stream_puts())
                done = run_load(load, "127.0.0.1", cluster.client_ports[leader], cluster.pids(), seconds=seconds)
                say(f"  {done.sample.per_second:.0f}/s, term {cluster.term()}")
            terms = cluster.term() - before
        finally:
            cluster.stop()
        self.verdicts.append(at_most("elections", f"elections in {minutes:g} minutes of full load", terms, 0.0, "terms"))


PARTS: dict[str, Callable[[Bench], None]] = {
    "failover": Bench.failover,
    "cut-off": Bench.cut_off,
    "footprint": Bench.footprint,
    "elections": Bench.elections,
}


def arguments() -> argparse.ArgumentParser:
    names = [*(row.name for row in ROWS), *PARTS]
    made = argparse.ArgumentParser(prog="make bench", description=__doc__)
    made.add_argument("--only", type=lambda text: text.split(","), default=names, metavar="NAME,...", help=f"of: {', '.join(names)}")
    made.add_argument("--quick", action="store_true", help="one short run of each: for developing, not for figures")
    made.add_argument("--no-etcd", action="store_true", help="without the comparison (no Go here)")
    made.add_argument("--repeats", type=int, default=3)
    made.add_argument("--seconds", type=float, default=5.0, help="of each timed run")
    made.add_argument("--minutes", type=float, default=10.0, help="of full load for `elections`")
    made.add_argument("--output", type=Path, default=BUILD / "benchmarks")
    return made


def main() -> int:
    """Exit status 1 when a floor is missed."""
    made = arguments()
    given = made.parse_args()
    known = {*(row.name for row in ROWS), *PARTS}
    if unknown := set(given.only) - known:
        made.error(f"there is no row {', '.join(sorted(unknown))}; there are: {', '.join(sorted(known))}")
    if not given.no_etcd:
        etcd_binary()
    BUILD.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=BUILD))
    bench = Bench(given, directory)
    say(f"Python {interpreter()}")
    try:
        bench.throughput(set(given.only))
        for name, part in PARTS.items():
            if name in given.only:
                part(bench)
    except BaseException:
        say(f"the members' logs are in {directory}")
        raise
    shutil.rmtree(directory)
    write(given.output, bench.verdicts, bench.results, bench.others)
    say("\n" + table(bench.verdicts) + f"\n\nwritten to {given.output}: benchmarks.json, benchmarks.md, benchmarks.png")
    return 0 if all(verdict.reached_floor for verdict in bench.verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
