"""Three `quorate-node` members on loopback, with default settings."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.cluster.ports import free_ports

READY_TIMEOUT_S = 60.0
PROGRAM = Path(sys.executable).parent / "quorate-node"


class OurCluster:
    """`directory` holds the members' data and logs; the caller removes it. `dialled_ports`: of wires to the members."""

    name = "quorate"

    def __init__(self, directory: Path, members: int = 3, dialled_ports: list[int] | None = None) -> None:
        self._directory = directory
        ports = free_ports(2 * members)
        self.client_ports, self.peer_ports = ports[:members], ports[members:]
        self._peer_urls = [f"http://127.0.0.1:{port}" for port in dialled_ports or self.peer_ports]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * members

    def start(self) -> float:
        """Seconds until all members vote."""
        begun = time.monotonic()
        token = secrets.token_hex(8)
        for number in range(len(self.client_ports)):
            self.start_member(number, token if number == 0 else "")
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._all_vote():
            if time.monotonic() > deadline:
                raise RuntimeError(f"the cluster did not form within {READY_TIMEOUT_S} s: see {self._directory}")
            time.sleep(0.02)
        return time.monotonic() - begun

    def start_member(self, number: int, token: str = "") -> None:
        arguments = [
            str(PROGRAM), "--name", f"m{number}", "--data-dir", str(self._directory / f"m{number}"),
            "--port", str(self.client_ports[number]), "--set", f"listen.peer_port={self.peer_ports[number]}",
            "--peer-url", self._peer_urls[number], "--peers", ",".join(self._peer_urls),
        ]  # fmt: skip
        environment = {key: value for key, value in os.environ.items() if not key.startswith("QUORATE_")}
        if token:
            environment["QUORATE_BOOTSTRAP__TOKEN"] = token
        with (self._directory / f"m{number}.log").open("ab") as log:
            self._processes[number] = subprocess.Popen(arguments, stdout=log, stderr=log, env=environment)

    def ask(self, number: int, path: str) -> dict[str, Any] | None:
        """A member's answer to GET path, or None when it gives none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.client_ports[number]}{path}", timeout=1.0) as answer:
                return dict(json.load(answer))
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def _all_vote(self) -> bool:
        listed = self.ask(0, "/v1/members")
        voters = [member for member in listed["members"] if member["role"] == "voter"] if listed else []
        return len(voters) == len(self.client_ports) and all(self.ready(number) for number in range(len(self.client_ports)))

    def ready(self, number: int) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.client_ports[number]}/health/ready", timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def wait_ready(self, number: int, timeout_s: float = READY_TIMEOUT_S) -> float:
        """Seconds until the member says that it is ready."""
        begun = time.monotonic()
        while not self.ready(number):
            process = self._processes[number]
            assert process is not None
            if process.poll() is not None or time.monotonic() - begun > timeout_s:
                raise RuntimeError(f"member {number} is not ready (status {process.returncode}): see {self._directory / f'm{number}.log'}")
            time.sleep(0.01)
        return time.monotonic() - begun

    def leader(self) -> int | None:
        """Number of the member of the highest term that calls itself leader, or None."""
        claims = []
        for number, process in enumerate(self._processes):
            status = self.ask(number, "/v1/status") if process is not None else None
            if status is not None and status["role"] == "leader":
                claims.append((int(status["term"]), number))
        return max(claims)[1] if claims else None

    def term(self) -> int:
        return max(int(status["term"]) for number in range(len(self.client_ports)) if (status := self.ask(number, "/v1/status")))

    def pids(self) -> list[int]:
        return [process.pid for process in self._processes if process is not None]

    def pid(self, number: int) -> int:
        process = self._processes[number]
        assert process is not None
        return process.pid

    def kill_member(self, number: int) -> None:
        self._end(number, signal.SIGKILL)

    def stop_member(self, number: int) -> None:
        self._end(number, signal.SIGTERM)

    def _end(self, number: int, how: signal.Signals) -> None:
        process = self._processes[number]
        assert process is not None
        process.send_signal(how)
        process.wait(timeout=60.0)
        self._processes[number] = None

    def stop(self) -> None:
        for number, process in enumerate(self._processes):
            if process is not None:
                self.kill_member(number)
