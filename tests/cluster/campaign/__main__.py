"""Real members under faults for a set time, every history checked, and a report.

    python -m tests.cluster.campaign --minutes 5 --seed 7 --members 3
    python -m tests.cluster.campaign --minutes 3 --seeds 1..20 --members 5 --output /tmp/series

Three to five `quorate-node` processes run in network namespaces of their own (so it needs root) while clients read and write over both
APIs and a schedule of faults, drawn from the seed, is carried out. Afterwards the history is judged, the members are compared, and a
directory is left: report.md, report.json, timeline.png, history.msgpack, and each member's log and data.

A long one (`--minutes 60`) is cut into stages of at most ten minutes: campaigns of their own, with this seed and those that follow it.
`--seeds 1..20` runs these one after the other, each in a process of its own, and leaves a table of all of them (summary.md) and their
totals (totals.json); called again with the same directory it goes on where it was.

The same seed gives the same schedule and the same settings of the members; how processes interleave is the machine's own. Exit status: 0
sound, 1 a violation (the report says which), 2 it could not run here, or an argument is wrong.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import uvloop

from tests.cluster.campaign import series
from tests.cluster.campaign.campaign import Campaign, Options
from tests.cluster.campaign.namespaces import why_not
from tests.cluster.campaign.report import leave
from tests.cluster.campaign.table import FAULTS, KINDS
from tests.cluster.campaign.timeline import draw

MEMBERS = (3, 5)
BUILD = Path(__file__).resolve().parents[3] / "build"


def parsed(words: list[str]) -> argparse.Namespace:
    shown = "\n".join(f"  {fault.kind:12} {fault.name:16} {fault.says}" for fault in FAULTS)
    parser = argparse.ArgumentParser(
        prog="python -m tests.cluster.campaign",
        description=__doc__,
        epilog=f"faults, by kind:\n{shown}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=5.0, help="how long faults are injected (default 5)")
    parser.add_argument("--seed", type=int, default=None, help="of the schedule, the settings and the clients (default: drawn, and told)")
    parser.add_argument("--seeds", default="", help="several, as 1..20 or 1,5,9: one campaign of --minutes after the other")
    parser.add_argument("--members", type=int, default=3, help=f"{MEMBERS[0]} to {MEMBERS[1]} (default 3)")
    parser.add_argument("--faults", default="", help=f"kinds or names, with commas (default all); kinds: {', '.join(KINDS)}")
    parser.add_argument("--output", type=Path, default=None, help="directory of the report (default: a new one in build/)")
    parser.add_argument("--plan", action="store_true", help="print the schedule of this seed and end")
    given = parser.parse_args(words)
    if not 0 < given.minutes <= 24 * 60:
        parser.error(f"--minutes: {given.minutes} must be more than 0, and at most a day (1440)")
    if not MEMBERS[0] <= given.members <= MEMBERS[1]:
        parser.error(f"--members: {given.members} must be from {MEMBERS[0]} to {MEMBERS[1]}")
    if given.seeds and (given.plan or given.seed is not None):
        parser.error("--seeds: goes with neither --seed nor --plan")
    if given.seeds and given.minutes > series.STAGE_MINUTES_MAX:
        parser.error(f"--minutes: {given.minutes} is too much for each of --seeds, at most {series.STAGE_MINUTES_MAX:g}: name more seeds")
    return given


def main(words: list[str]) -> int:
    given = parsed(words)
    seed = given.seed if given.seed is not None else time.time_ns() % 1_000_000
    wanted = tuple(word.strip() for word in given.faults.split(",") if word.strip())
    name = "campaigns" if given.seeds else f"campaign-{seed}"
    directory = given.output or BUILD / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    begun_s = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - begun_s:6.1f}] {line}", flush=True)

    try:
        campaign = Campaign(Options(given.minutes, seed, given.members, wanted), directory, say)
        seeds = series.seeds_of(given.seeds) if given.seeds else []
        stages = series.stages(given.minutes)
        if stages > 1 and not given.plan:
            seeds = list(range(seed, seed + stages))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if given.plan:
        for planned in campaign.plan:
            print(f"{planned.at_s:8.2f} s  {planned.fault:16} {planned.seconds:5.2f} s  {planned.aim:7} {planned.parameters or ''}")
        return 0
    reason = why_not()
    if reason:
        print(f"a campaign {reason}", file=sys.stderr)
        return 2
    if seeds:
        return series.run(series.Asked(tuple(seeds), round(given.minutes / stages, 2), given.members, given.faults, directory), say)
    return carried_out(campaign, given.faults, say)


def carried_out(campaign: Campaign, faults: str, say: Callable[[str], None]) -> int:
    """One campaign and its report."""
    options, directory = campaign.options, campaign.directory
    directory.mkdir(parents=True, exist_ok=True)
    say(f"seed {options.seed}, {options.members} members, {options.minutes} minutes; the report will be in {directory}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        run = runner.run(campaign.run())
    assert campaign.sampler is not None
    draw(run, campaign.sampler.stretches(), campaign.faults, directory / "timeline.png")
    told = leave(run, directory)
    for finding in told["findings"]:
        say(f"{finding['verdict']:10}{finding['name']} ({finding['judged']})")
        if finding["explanation"]:
            print(finding["explanation"][:2_000], flush=True)
    repeat = f"python -m tests.cluster.campaign --minutes {options.minutes:g} --seed {options.seed} --members {options.members}"
    chosen = f" --faults {faults}" if faults else ""
    say(f"{told['verdict']}: {told['operations_total']} operations; repeat with: {repeat}{chosen}")
    return 1 if run.violated else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
