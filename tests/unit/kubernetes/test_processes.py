"""The test cluster's processes, and waiting for them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.kubernetes.bed.processes import BedFailure, Program, wait_for


def test_a_program_is_started_stopped_and_started_again(tmp_path: Path) -> None:
    program = Program("sleeper", [sys.executable, "-c", "import time; time.sleep(60)"], tmp_path)
    for end in (program.stop, program.kill):
        program.start()
        assert program.running
        end()
        assert not program.running
    program.check()


def test_waiting_ends_at_once_when_a_program_has_ended_and_shows_its_log(tmp_path: Path) -> None:
    program = Program("broken", [sys.executable, "-c", "print('no such flag'); raise SystemExit(4)"], tmp_path)
    program.start()
    with pytest.raises(BedFailure, match=r"(?s)broken ended with status 4.*no such flag"):
        wait_for("it answers", lambda: "no answer", 60, [program])


def test_waiting_has_an_end_and_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(BedFailure, match="it answers not within 0 s: no answer"):
        wait_for("it answers", lambda: "no answer", 0)
    assert wait_for("it answers", str, 5) < 5
