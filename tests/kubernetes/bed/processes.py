"""The test cluster's processes: started with a log file each, waited for, stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

STOP_TIMEOUT_S = 10.0
POLL_S = 0.1
TAIL_BYTES = 3_000


class BedFailure(Exception):
    """The test cluster did not come up, or a part of it ended by itself: which part, why, and where its log is."""


class Program:
    """One process that can be started, killed and started again with the same arguments."""

    def __init__(self, name: str, command: Sequence[str | Path], logs: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = logs / f"{name}.log"
        self._command = [str(part) for part in command]
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        assert not self.running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            # A session of its own: what a terminal sends to the tests is theirs to pass on.
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment, start_new_session=True
            )

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_TIMEOUT_S)
        self._process = None

    def check(self) -> None:
        """Raises `BedFailure` if it was started and has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise BedFailure(f"{self.name} ended with status {self._process.returncode}; {self.log} ends with:\n{self.tail()}")

    def tail(self) -> str:
        return self.log.read_bytes()[-TAIL_BYTES:].decode(errors="replace") if self.log.exists() else ""


def wait_for(what: str, probe: Callable[[], str], timeout_s: float, programs: Sequence[Program] = ()) -> float:
    """Asks `probe` until it answers with the empty text; its answers say what is missing.

    Returns the seconds it took. Raises `BedFailure` after `timeout_s`, or at once when one of `programs` has ended.
    """
    begun = time.monotonic()
    while missing := probe():
        for program in programs:
            program.check()
        if time.monotonic() - begun > timeout_s:
            tails = "".join(f"\n--- {program.log}\n{program.tail()}" for program in programs)
            raise BedFailure(f"{what} not within {timeout_s:g} s: {missing}{tails}")
        time.sleep(POLL_S)
    return time.monotonic() - begun
