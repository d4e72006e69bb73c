"""What people and programs see of a run: a line that moves on a terminal, a line now and then elsewhere, or JSON, one object a line."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from quorate_node.simulator.soak.progress import Totals
from quorate_node.simulator.soak.state import FailedSeed, SoakState

LINE_EVERY_S = 30.0
JSON_EVERY_S = 5.0


class Display(Protocol):
    def began(self, totals: Totals, first: int, jobs: int) -> None: ...

    def moved(self, totals: Totals) -> None:
        """Called several times a second."""
        ...

    def failed(self, failed: FailedSeed) -> None: ...

    def ended(self, totals: Totals, failed: Sequence[FailedSeed], why: str) -> None: ...


def span(seconds: float | None) -> str:
    return "?" if seconds is None else str(timedelta(seconds=round(seconds)))


def figures(totals: Totals) -> str:
    return (
        f"{totals.seeds_per_s:.2f} seeds/s, {span(totals.virtual_s)} of virtual time ({totals.virtual_per_cpu:.0f}x), "
        f"{totals.failed} failed, {span(totals.remaining_s)} to go"
    )


class Lines:
    """For people: on a terminal the last line moves, elsewhere one is printed twice a minute."""

    def __init__(self, terminal: bool) -> None:
        self._console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
        self._bar: Bar | None = None
        if terminal:
            columns = TextColumn("soak"), BarColumn(None), MofNCompleteColumn(), TextColumn("{task.fields[figures]}")
            self._bar = Bar(*columns, console=self._console, transient=True, auto_refresh=False)
        self._next_s = 0.0

    def began(self, totals: Totals, first: int, jobs: int) -> None:
        there = f", {totals.seeds_done} of them done before" if totals.seeds_done else ""
        self._say(f"commit {totals.commit}: {totals.seeds_asked} seeds from {first} on{there}; {jobs} at a time")
        if self._bar is not None:
            self._bar.start()
            self._bar.add_task("soak", total=totals.seeds_asked, completed=totals.seeds_done, figures="")

    def moved(self, totals: Totals) -> None:
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=totals.seeds_done, figures=figures(totals))
            self._bar.refresh()
        elif time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + LINE_EVERY_S
            self._say(f"{totals.seeds_done} of {totals.seeds_asked} seeds: {figures(totals)}")

    def failed(self, failed: FailedSeed) -> None:
        self._say(f"FAILED seed {failed.seed}: {failed.property}\n  again, on {failed.commit}: {failed.again}")

    def ended(self, totals: Totals, failed: Sequence[FailedSeed], why: str) -> None:
        if self._bar is not None:
            self._bar.stop()
        self._say(
            f"{why}: {totals.seeds_now} seeds in {span(totals.elapsed_s)}, {totals.operations} operations, {span(totals.virtual_s)} of "
            f"virtual time in {span(totals.cpu_s)} of processor time ({totals.virtual_per_cpu:.0f}x), {len(failed)} failed"
        )
        for each in failed:
            self._say(f"  seed {each.seed}: {each.property}: {each.again}")

    def _say(self, text: str) -> None:
        self._console.print(text, markup=False)


class Json:
    """For programs: objects with an `event`: began, progress, failed, ended."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def began(self, totals: Totals, first: int, jobs: int) -> None:
        _print("began", {"first": first, "jobs": jobs, **msgspec.to_builtins(totals)})

    def moved(self, totals: Totals) -> None:
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + JSON_EVERY_S
            _print("progress", msgspec.to_builtins(totals))

    def failed(self, failed: FailedSeed) -> None:
        _print("failed", msgspec.to_builtins(failed))

    def ended(self, totals: Totals, failed: Sequence[FailedSeed], why: str) -> None:
        _print("ended", {"why": why, "failed_seeds": [each.seed for each in failed], **msgspec.to_builtins(totals)})


def _print(event: str, fields: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode({"event": event, **fields}).decode() + "\n")
    sys.stdout.flush()


def so_far(state: SoakState) -> str:
    """All that the state holds, as docs/testing.md shows it."""
    total = state.total()
    speed = total.virtual_s / total.cpu_s if total.cpu_s else 0.0
    row = (
        f"{len(state.commits)}", f"{total.seeds:,}", f"{total.virtual_s / 3600:.1f} h", f"{total.cpu_s / 3600:.2f} h", f"{speed:.0f}",
        f"{total.operations:,}", f"{total.judged:,}", f"{len(state.failed)}",
    )  # fmt: skip
    lines = [
        "| commits | seeds | virtual time | processor time | virtual per processor second | operations | observations judged | failed |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        f"| {' | '.join(row)} |",
    ]
    if state.failed:
        lines += ["", "| failed seed | commit | property |", "| ---: | --- | --- |"]
        lines += [f"| {each.seed} | {each.commit} | {each.property} |" for each in state.failed]
    return "\n".join(lines)
