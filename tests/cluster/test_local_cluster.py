"""`make run` leaves no member behind, however it ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.cluster.ports import LOCAL_CLUSTER_OFFSETS, free_base

START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 60.0
AT_ONCE_S = 15.0
"""Less than the deadline of an orderly stop, which is 20 s."""
MAKEFILE = "run:\n\t{python} -m quorate_node.local_cluster $(ARGS)\n"


class Run:
    """A program that runs the local cluster, in a session of its own, and the members that it said to have started."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.output = directory / "output"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, under_make: bool = False) -> None:
        port = free_base(LOCAL_CLUSTER_OFFSETS)
        given = ["--port", str(port), "--data", str(self.directory / "data")]
        if under_make:
            (self.directory / "Makefile").write_text(MAKEFILE.format(python=sys.executable))
            command = ["make", "-f", str(self.directory / "Makefile"), "run", f"ARGS={' '.join(given)}"]
        else:
            command = [sys.executable, "-m", "quorate_node.local_cluster", *given]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        self.wait_said("Ctrl-C stops", START_TIMEOUT_S)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait_said(self, text: str, timeout_s: float = END_TIMEOUT_S) -> None:
        deadline_s = time.monotonic() + timeout_s
        while text not in self.said():
            assert self.process is not None and self.process.poll() is None, self.said()
            assert time.monotonic() < deadline_s, self.said()
            time.sleep(0.02)

    def said(self) -> str:
        return self.output.read_text()

    def members(self) -> list[int]:
        return [int(path.read_text()) for path in sorted(self.directory.glob("data/*/pid"))]

    def wait_alone(self, timeout_s: float = END_TIMEOUT_S) -> None:
        """Until no member is there any more."""
        deadline_s = time.monotonic() + timeout_s
        while alive := [pid for pid in self.members() if _runs(pid)]:
            assert time.monotonic() < deadline_s, f"members {alive} live on"
            time.sleep(0.02)

    def close(self) -> None:
        for pid in [*self.members(), *([self.process.pid] if self.process is not None else [])]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait()


def _runs(pid: int) -> bool:
    """Neither gone nor a zombie that nobody has waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    made = Run(tmp_path)
    yield made
    made.close()


def test_members_end_when_their_parent_is_killed(run: Run) -> None:
    run.start()
    assert len(run.members()) == 3 and all(_runs(pid) for pid in run.members())
    run.send(signal.SIGKILL)
    run.wait_alone()


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_members_end_when_make_alone_is_told_to_end(run: Run, how: signal.Signals) -> None:
    run.start(under_make=True)
    run.send(how)
    run.wait_alone()
    assert "Traceback" not in run.said()


def test_a_closed_terminal_stops_all_in_order(run: Run) -> None:
    run.start()
    run.send(signal.SIGHUP)
    run.wait_alone()
    assert run.process is not None and run.process.wait(END_TIMEOUT_S) == 0
    assert run.said().endswith("stopping ...\nstopped\n")


def test_a_second_interrupt_ends_at_once_with_a_line(run: Run) -> None:
    run.start()
    for pid in run.members():
        os.kill(pid, signal.SIGSTOP)  # so that an orderly stop takes its whole deadline
    run.send(signal.SIGINT)
    run.wait_said("stopping ...")
    run.send(signal.SIGINT)
    assert run.process is not None and run.process.wait(AT_ONCE_S) == 130
    run.wait_alone(AT_ONCE_S)
    assert run.said().endswith("interrupted again: the members are killed, what they acknowledged is kept\n")
    assert "Traceback" not in run.said()
