"""The README's walk, as written, and the program behind `make run`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.ports import LOCAL_CLUSTER_OFFSETS, free_base

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent
START_TIMEOUT_S = 60.0


class Run:
    """`make run` with a directory and ports of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_base(LOCAL_CLUSTER_OFFSETS)
        self.output = directory / "output"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            return subprocess.Popen(
                [sys.executable, "-m", "quorate_node.local_cluster", "--port", str(self.port), *arguments], stdout=output, stderr=output
            )

    def said(self) -> str:
        return self.output.read_text()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    process = run.start("--data", str(tmp_path / "data"))
    deadline = time.monotonic() + START_TIMEOUT_S
    while "Ctrl-C stops" not in run.said():
        assert process.poll() is None, run.said()
        assert time.monotonic() < deadline, run.said()
        time.sleep(0.1)
    yield run
    process.send_signal(signal.SIGINT)
    assert process.wait(START_TIMEOUT_S) == 0, run.said()
    assert "stopped" in run.said()


def shell_blocks() -> list[str]:
    """The shell blocks of the README after its first heading of the second level: the walk."""
    walk = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## A first success")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", walk, re.DOTALL)


def test_the_readmes_walk_works_as_written_also_after_killing_a_member(running: Run) -> None:
    blocks = shell_blocks()
    assert len(blocks) == 3
    environment = {**os.environ, "QUORATE_ENDPOINTS": ",".join(f"http://127.0.0.1:{running.port + number}" for number in range(3))}
    outputs = []
    for block in blocks:
        here = block.replace(".venv/bin/", f"{PROGRAMS}/").replace("data/local/", f"{running.directory}/data/")
        here = re.sub(r"127\.0\.0\.1:730(\d)", lambda found: f"127.0.0.1:{running.port + int(found[1]) - 1}", here)
        done = subprocess.run(["sh", "-e", "-c", here], capture_output=True, text=True, env=environment, timeout=180.0)
        assert done.returncode == 0, f"{here}\n{done.stdout}{done.stderr}\n{running.said()}"
        outputs.append(done.stdout)
    first, after_the_kill, by_http = outputs
    assert "hello, world" in first
    assert "still here" in after_the_kill
    assert "by curl" in by_http
    deadline = time.monotonic() + START_TIMEOUT_S
    while "m1 is started again" not in running.said():
        assert time.monotonic() < deadline, running.said()
        time.sleep(0.2)
    assert "m1 ended by SIGKILL; the others go on" in running.said()


def test_taken_ports_are_named_with_the_remedy(running: Run, tmp_path: Path) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "quorate_node.local_cluster", "--port", str(running.port), "--data", str(tmp_path / "other")],
        capture_output=True,
        text=True,
        timeout=60.0,
    )
    assert second.returncode == 1
    assert f"port {running.port}, " in second.stdout
    assert "choose others" in second.stdout


def test_the_data_is_there_at_the_next_run(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for number in (1, 2):
        process = run.start("--data", str(tmp_path / "data"), "--once")
        assert process.wait(START_TIMEOUT_S) == 0, f"run {number}: {run.said()}"
    assert "quorate put" in run.said()
