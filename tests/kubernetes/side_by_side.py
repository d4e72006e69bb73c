"""Several test clusters at once, each in namespaces of its own with its share of the tests; every line says whose it is."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.kubernetes.bed.place import a_place
from tests.kubernetes.bed.remains import Remains
from tests.kubernetes.bed.wrapper import wrapped
from tests.kubernetes.prepare import REPOSITORY, environment
from tests.kubernetes.shards import VARIABLE

FAILED = 1


@dataclass
class Run:
    """One cluster's tests. `status` and `left` are there when it has ended."""

    name: str
    """Its share, as `NUMBER/OF`; empty where there is only one."""
    command: list[str]
    images: list[Path]
    logs: Path
    status: int = FAILED
    left: Remains | None = None
    _process: subprocess.Popen[str] | None = None
    _ended: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def work(self) -> None:
        self.logs.mkdir(parents=True)
        place = None
        try:
            with a_place() as place:
                share = {VARIABLE: self.name} if self.name else {}
                self.status = self._run({**environment(self.images, place.state, self.logs), **share})
        finally:
            self.left = place.left if place is not None else None

    def _run(self, inside: Mapping[str, str]) -> int:
        with self._lock:
            if self._ended:
                return FAILED
            piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
            self._process = subprocess.Popen(wrapped(self.command), env=inside, cwd=REPOSITORY, text=True, errors="replace", **piped)
        assert self._process.stdout is not None
        for line in self._process.stdout:
            sys.stdout.write(f"[{self.name}] {line}" if self.name else line)
            sys.stdout.flush()
        return self._process.wait()

    def end(self) -> None:
        """Kills `unshare`, and that everything inside."""
        with self._lock:
            self._ended = True
            if self._process is not None and self._process.poll() is None:
                self._process.kill()


def run_all(runs: list[Run]) -> None:
    """Until all have ended; who is interrupted takes its clusters along."""
    threads = [threading.Thread(target=run.work, name=f"cluster {run.name}") for run in runs]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        for run in runs:
            run.end()
        for thread in threads:
            thread.join()
