"""A night from the outside: exit status, output, and going on after any end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from quorate_node.simulator.soak import __main__ as program
from quorate_node.simulator.soak.crew import Crew
from quorate_node.simulator.soak.source import commit, digest
from quorate_node.simulator.soak.state import Unusable, load
from quorate_node.simulator.soak.worker import Report
from tests.unit.simulator.soak.programs import BREAKS, misbehave


@pytest.fixture(autouse=True)
def _misbehaving_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "Crew", partial(Crew, program=misbehave))
    monkeypatch.setattr(signal, "signal", lambda *_: None)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_failed_seed_is_told_kept_and_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--seed", "6", "--seeds", "4", "--jobs", "1", "--state", str(tmp_path)]
    assert program.main([*arguments, "-o", "json"]) == 1
    told = lines(capsys)
    failed = next(line for line in told if line["event"] == "failed")
    assert (failed["seed"], failed["property"], failed["again"]) == (BREAKS, "linearizable", f"again {BREAKS}")
    assert told[-1]["failed_seeds"] == [BREAKS]
    assert (told[-1]["seeds_done"], told[-1]["virtual_s"], told[-1]["virtual_per_cpu"]) == (4, 8.0, 4.0)
    state = load(tmp_path)
    assert [each.seed for each in state.failed] == [BREAKS]
    assert state.of(commit()).ranges == [(6, 10)]
    assert program.main(arguments) == 0, "done before: nothing is run again"
    assert "4 of them done before" in capsys.readouterr().out
    assert program.main(["--state", str(tmp_path), "--figures"]) == 0
    assert f"| {BREAKS} | {commit()} | linearizable |" in capsys.readouterr().out


def test_people_are_told_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["--seed", "6", "--seeds", "3", "--jobs", "2", "--state", str(tmp_path)]) == 1
    shown = capsys.readouterr().out
    assert f"FAILED seed {BREAKS}: linearizable" in shown
    assert "done: 3 seeds in" in shown
    assert "(4x), 1 failed" in shown


def test_it_ends_after_so_many_failures_and_after_its_time(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    always = ["--seeds", "900000", "--jobs", "1", "--state", str(tmp_path), "-o", "json"]
    assert program.main(["--seed", "7", "--failures-max", "1", *always]) == 1
    assert lines(capsys)[-1]["why"] == "1 seeds failed"
    assert program.main(["--seed", "8", "--minutes", "0.01", *always]) == 0
    assert lines(capsys)[-1]["why"] == "the time is over"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--seeds", "0"], "--seeds is 0: it must be more than 0"),
        (["--jobs", "-1"], "--jobs is -1"),
        (["--minutes", "0"], "--minutes is 0"),
        (["--seed", "-4"], "--seed is -4: seeds begin at 0"),
        (["--memory-mib", "10"], "--memory-mib is 10: a seed needs 256 at least"),
    ],
)
def test_a_wrong_argument_is_named_with_its_limit(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        program.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_a_state_that_cannot_be_read_ends_it_with_a_remedy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "soak.state").write_bytes(b"something else")
    assert program.main(["--state", str(tmp_path)]) == 2
    assert "move it away" in capsys.readouterr().err


def test_the_digest_tells_sources_apart(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("1")
    first = digest((tmp_path,))
    (tmp_path / "a.py").write_text("2")
    assert digest((tmp_path,)) != first


def until_seeds(folder: Path, seeds: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        try:
            if load(folder).total().seeds >= seeds:
                return
        except Unusable as error:
            raise AssertionError("the state is whole at every moment") from error
        assert process.poll() is None
        time.sleep(0.1)
    raise AssertionError("it gets nowhere")


@pytest.mark.timeout(120)
def test_what_was_done_is_not_done_again_after_kill_9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--seed", "10", "--jobs", "1", "--state", str(tmp_path), "-o", "json"]
    command = [sys.executable, "-m", "quorate_node.simulator.soak", *arguments]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([*command, "--seeds", "1000"], env=environment, stdout=subprocess.DEVNULL) as process:
        until_seeds(tmp_path, 1, process)
        process.kill()
    done = load(tmp_path).total().seeds
    assert program.main([*arguments, "--seeds", str(done + 2)]) == 0
    assert lines(capsys)[0]["seeds_done"] == done, "only what is missing is run"
    after = load(tmp_path)
    assert after.total().seeds == done + 2
    assert [record.ranges for record in after.commits] == [[(10, 10 + done + 2)]]


def test_ctrl_c_keeps_what_was_done(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    handlers: dict[int, object] = {}
    monkeypatch.setattr(signal, "signal", handlers.__setitem__)
    on_report = program.Soak._on_report

    def press(self: program.Soak, report: Report) -> None:
        on_report(self, report)
        handler = handlers[signal.SIGINT]
        assert callable(handler)
        handler(signal.SIGINT, None)

    monkeypatch.setattr(program.Soak, "_on_report", press)
    assert program.main(["--seed", "20", "--seeds", "1000", "--jobs", "1", "--state", str(tmp_path), "-o", "json"]) == program.INTERRUPTED
    assert lines(capsys)[-1]["why"] == "interrupted"
    assert load(tmp_path).of(commit()).ranges == [(20, 21)]
