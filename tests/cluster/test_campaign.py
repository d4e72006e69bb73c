"""A short campaign with every kind of fault, and what it leaves. Long ones: `make campaign MINUTES=60`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.campaign.campaign import Campaign, Options
from tests.cluster.campaign.namespaces import why_not
from tests.cluster.campaign.report import leave
from tests.cluster.campaign.table import FAULTS
from tests.cluster.campaign.timeline import draw

SEED = 273
"""A schedule of 36 s with a fault of every kind for three members, on the log in files, which bears wall clocks that jump."""
MINUTES = 0.6
"""The whole test is about 60 s of two busy cores: start, faults, the way back, quiet, verdict. Slow machines have five times that."""
needs_namespaces = pytest.mark.skipif(bool(why_not()), reason=why_not() or "it can run here")


def test_the_short_schedule_has_every_kind_of_fault(tmp_path: Path) -> None:
    campaign = Campaign(Options(MINUTES, SEED, 3), tmp_path, print)
    if campaign.left_out:
        pytest.skip(f"another schedule on this machine: {campaign.left_out}")
    kind_of = {fault.name: fault.kind for fault in FAULTS}
    assert {kind_of[planned.fault] for planned in campaign.plan} == {fault.kind for fault in campaign.faults}


@pytest.mark.root
@needs_namespaces
@pytest.mark.timeout(300)
async def test_a_short_campaign_finds_nothing_lost_and_nothing_wrong(tmp_path: Path) -> None:
    campaign = Campaign(Options(MINUTES, SEED, 3), tmp_path, print)
    run = await campaign.run()
    told = leave(run, tmp_path)
    assert campaign.sampler is not None
    draw(run, campaign.sampler.stretches(), campaign.faults, tmp_path / "timeline.png")
    violated = [finding for finding in told["findings"] if finding["verdict"] == "violated"]
    assert violated == [], f"see {tmp_path / 'report.md'}"
    judged = {finding["name"]: finding["judged"] for finding in told["findings"]}
    assert judged["linearizable"] > 200 and judged["watch-reliable"] > 200, "too little happened for a verdict"
    assert any(fault["outcome"] == "done" for fault in told["faults"])
    assert json.loads((tmp_path / "report.json").read_text())["seed"] == SEED
    assert (tmp_path / "report.md").read_text().startswith(f"# Campaign, seed {SEED}: ok")
    assert (tmp_path / "timeline.png").stat().st_size > 20_000


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--members", "9"], "--members: 9 must be from 3 to 5"),
        (["--minutes", "0"], "--minutes: 0.0 must be more than 0"),
        (["--minutes", "30", "--seeds", "1..4"], "--minutes: 30.0 is too much for each of --seeds, at most 10"),
        (["--seeds", "1-4"], "--seeds: '1-4' is no seed and no range"),
        (["--seeds", "1..4", "--seed", "7"], "--seeds: goes with neither --seed nor --plan"),
        (["--faults", "kil"], "faults: 'kil' is no fault and no kind; kinds: kill"),
    ],
)
def test_a_wrong_argument_is_refused_with_what_would_be_right(words: list[str], complaint: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tests.cluster.campaign", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert complaint in done.stderr
