"""One `quorate-node` process: start, stop, kill, freeze, and what is left of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.cluster.harness.patience import Patience

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
PROGRAM = Path(sys.executable).parent / "quorate-node"


class Member:
    """Runs in `directory`: `node.toml`, `data/`, `node.log`. The log is appended to over restarts."""

    def __init__(self, number: int, directory: Path, port: int, settings: Mapping[str, Mapping[str, Any]]) -> None:
        self.number = number
        self.directory = directory
        self.port = port
        self.settings = settings
        self.process: asyncio.subprocess.Process | None = None
        self.environment: dict[str, str] = {}
        """Variables of every start: failpoints, a preloaded library."""
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def name(self) -> str:
        return f"m{self.number}"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log_path(self) -> Path:
        return self.directory / "node.log"

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    def _write_settings(self) -> Path:
        lines = []
        for section, values in self.settings.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        path = self.directory / "node.toml"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return path

    async def start(
        self,
        *,
        token: str = "",
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[str] = (),
        flags: Sequence[str] = (),
    ) -> None:
        """Start the process; `prefix` runs it under another program. The token is given to a first member's first start alone."""
        assert not self.running, f"{self.name} runs already"
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("QUORATE_")}
        inherited |= self.environment | dict(environment or {})
        if token:
            inherited["QUORATE_BOOTSTRAP__TOKEN"] = token
        with self.log_path.open("ab") as log:
            command = [*prefix, str(PROGRAM), "--config", str(self._write_settings()), *flags]
            self.process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=inherited, cwd=self.directory)

    async def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Seconds until it said that it is ready. Raises TimeoutError with the end of its log when it did not."""
        begun, patience = time.monotonic(), Patience(timeout_s)
        while patience.lasts():
            if not self.running:
                code = self.process.returncode if self.process else None
                raise AssertionError(f"{self.name} ended with status {code} instead of becoming ready:\n{self.log_tail()}")
            if await self.is_ready():
                return time.monotonic() - begun
            await asyncio.sleep(0.02)
        raise TimeoutError(f"{self.name} was not ready after {timeout_s} s:\n{self.log_tail()}")

    async def is_ready(self) -> bool:
        return await asyncio.to_thread(self._ready)

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health/ready", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    async def kill(self) -> None:
        """kill -9."""
        await self._end(signal.SIGKILL)

    async def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> int:
        """SIGTERM; returns the exit status. A member that outstays `timeout_s` is killed, and that is a failure."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.wait_for(self.process.wait(), timeout_s)
        except TimeoutError:
            await self.kill()
            raise AssertionError(f"{self.name} did not stop within {timeout_s} s:\n{self.log_tail()}") from None

    async def _end(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(how)
            await self.process.wait()

    def freeze(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def wipe(self) -> None:
        """Lose the volume: what comes back is a new member."""
        assert not self.running
        shutil.rmtree(self.data, ignore_errors=True)

    def log_tail(self, lines: int = 40) -> str:
        if not self.log_path.exists():
            return "(no log)"
        return "\n".join(self.log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
