"""The process: what it does when it is told to end before it is a member."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SLOW_START = """
import sys, time
from quorate_node import main

class SlowNode:
    def __init__(self, *arguments):
        print("opening", flush=True)
        time.sleep(60)

main.Node = SlowNode
sys.exit(main.main(["--set", "member.data_dir=" + sys.argv[1]]))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_the_store_opens_ends_the_process(tmp_path: Path, number: signal.Signals) -> None:
    """By a handler of its own, since the first process of a container has no default to fall back on."""
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_START, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"opening\n"
        process.send_signal(number)
        assert process.wait(20) == 128 + number
