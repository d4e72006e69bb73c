"""`python -m quorate_node.simulator.soak`: seeds by the thousand, on all cores, for a night; it goes on where it was ended.

Exit status: 0 all seeds kept every promise, 1 some did not, 2 an argument or the state is wrong, 130 ended by Ctrl-C with none failed.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from quorate_node.simulator.soak.crew import Crew
from quorate_node.simulator.soak.display import Display, Json, Lines, so_far
from quorate_node.simulator.soak.progress import Progress
from quorate_node.simulator.soak.ranges import Ranges
from quorate_node.simulator.soak.source import commit
from quorate_node.simulator.soak.state import CommitRecord, FailedSeed, SoakState, StateFolder, Unusable, load
from quorate_node.simulator.soak.worker import Report

PROGRAM = "python -m quorate_node.simulator.soak"
SAVE_EVERY_S = 2.0
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    given = _parse(arguments)
    try:
        if given.figures:
            sys.stdout.write(so_far(load(given.state)) + "\n")
            return 0
        display: Display = Json() if given.output == "json" else Lines(sys.stdout.isatty())
        with StateFolder(given.state) as folder:
            return Soak(folder, display, given).run()
    except (Unusable, OSError) as error:
        sys.stderr.write(f"{PROGRAM}: {error}\n")
        return 2


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Seeds of the simulator by the thousand; goes on where it was ended.")
    parser.add_argument("--seeds", type=int, default=20_000, help="how many are to be done on this commit (default 20000)")
    parser.add_argument("--seed", type=int, help="the first; else an unfinished run goes on, and a new one begins behind all earlier seeds")
    parser.add_argument("--minutes", type=float, help="begin no more seeds after so long; else all are run")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="seeds at a time (default: one a core, %(default)s here)")
    parser.add_argument("--state", type=Path, default=Path(".soak"), help="the folder that remembers what was run (default %(default)s)")
    parser.add_argument("--seed-seconds", type=float, default=300.0, help="a seed that takes longer has failed (default 300)")
    parser.add_argument("--memory-mib", type=int, default=2_048, help="of one worker; beyond it allocations fail (default 2048)")
    parser.add_argument("--failures-max", type=int, default=100, help="end after so many failed seeds (default 100)")
    parser.add_argument("--figures", action="store_true", help="print what was run so far, and run nothing")
    parser.add_argument("-o", "--output", choices=("text", "json"), default="text", help="json: one object a line")
    given = parser.parse_args(arguments)
    for name in ("seeds", "jobs", "seed_seconds", "failures_max"):
        if getattr(given, name) <= 0:
            parser.error(f"--{name.replace('_', '-')} is {getattr(given, name)}: it must be more than 0")
    if given.memory_mib < 256:
        parser.error(f"--memory-mib is {given.memory_mib}: a seed needs 256 at least")
    if given.minutes is not None and given.minutes <= 0:
        parser.error(f"--minutes is {given.minutes:g}: it must be more than 0, or left out")
    if given.seed is not None and given.seed < 0:
        parser.error(f"--seed is {given.seed}: seeds begin at 0")
    return given


def first_seed(state: SoakState, record: CommitRecord, wanted: int | None) -> int:
    """What was asked for on this commit and is not done goes on; else what nobody has run yet."""
    if wanted is not None:
        return wanted
    low, high = record.asked
    unfinished = next(Ranges(record.ranges).missing(low, high), None) is not None
    return low if unfinished else state.end()


class Soak:
    """One run, from the state that it finds to the state that it leaves."""

    def __init__(self, folder: StateFolder, display: Display, given: argparse.Namespace) -> None:
        self._folder = folder
        self._display = display
        self._given = given
        self._state = folder.load()
        self._record = self._state.of(commit())
        self._ranges = Ranges(self._record.ranges)
        self._first = first_seed(self._state, self._record, given.seed)
        self._record.asked = (self._first, self._first + given.seeds)
        self._progress = Progress(self._record, given.seeds, self._ranges.count(*self._record.asked), given.minutes)
        self._signal = 0
        self._save_at_s = 0.0

    def run(self) -> int:
        given, progress = self._given, self._progress
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        self._display.began(progress.totals(), self._first, given.jobs)
        crew = Crew(given.jobs, given.seed_seconds, given.memory_mib, self._folder.path)
        why = "done"
        try:
            crew.run(self._ranges.missing(*self._record.asked), self._on_report, self._look)
        except KeyboardInterrupt:
            why = "interrupted"
        finally:
            self._save()
        if why == "done" and progress.over:
            why = "the time is over"
        if len(progress.failed) >= given.failures_max:
            why = f"{len(progress.failed)} seeds failed"
        self._display.ended(progress.totals(), progress.failed, why)
        if progress.failed:
            return 1
        return INTERRUPTED if why == "interrupted" else 0

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signal = number

    def _look(self) -> bool:
        if self._signal:
            raise KeyboardInterrupt
        if time.monotonic() >= self._save_at_s:
            self._save()
        self._display.moved(self._progress.totals())
        return self._progress.over or len(self._progress.failed) >= self._given.failures_max

    def _on_report(self, report: Report) -> None:
        """A failure is durable before anybody hears of it."""
        self._ranges.add(report.seed)
        self._record.sums.add(report.sums)
        self._progress.sums.add(report.sums)
        if not report.ok:
            failed = FailedSeed(report.seed, self._record.commit, report.broken, report.evidence, report.again)
            self._state.note_failed(failed)
            self._save()
            self._progress.failed.append(failed)
            self._display.failed(failed)

    def _save(self) -> None:
        self._record.ranges = self._ranges.to_list()
        self._folder.save(self._state)
        self._save_at_s = time.monotonic() + SAVE_EVERY_S


if __name__ == "__main__":
    sys.exit(main())
