"""Three etcd members on loopback with default settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from tests.benchmarks.peers.etcd_build import etcd_binary
from tests.cluster.ports import free_ports

READY_TIMEOUT_S = 60.0
PUT = "/etcdserverpb.KV/Put"
RANGE = "/etcdserverpb.KV/Range"


class EtcdCluster:
    """`directory` holds the members' data and logs; the caller removes it."""

    name = "etcd"

    def __init__(self, directory: Path, members: int = 3) -> None:
        self._binary = etcd_binary()
        self._directory = directory
        ports = free_ports(2 * members)
        self.client_ports = ports[:members]
        self._peer_ports = ports[members:]
        self._processes: list[subprocess.Popen[bytes] | None] = [None] * members

    def start(self) -> None:
        for number in range(len(self.client_ports)):
            self.start_member(number)
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.leader() is None:
            if time.monotonic() > deadline:
                raise RuntimeError(f"etcd had no leader after {READY_TIMEOUT_S} s: see {self._directory}")
            time.sleep(0.1)

    def start_member(self, number: int) -> None:
        cluster = ",".join(f"m{each}=http://127.0.0.1:{port}" for each, port in enumerate(self._peer_ports))
        client, peer = (f"http://127.0.0.1:{ports[number]}" for ports in (self.client_ports, self._peer_ports))
        log = (self._directory / f"m{number}.log").open("ab")
        self._processes[number] = subprocess.Popen(
            [
                str(self._binary), "--name", f"m{number}", "--data-dir", str(self._directory / f"m{number}"),
                "--listen-client-urls", client, "--advertise-client-urls", client,
                "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
                "--initial-cluster", cluster, "--initial-cluster-state", "new", "--log-level", "error",
            ],
            stdout=log, stderr=log, env={"PATH": os.environ.get("PATH", "")},
        )  # fmt: skip
        log.close()

    def _status(self, number: int) -> dict[str, str] | None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.client_ports[number]}/v3/maintenance/status", data=b"{}", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=1.0) as answer:
                return dict(json.load(answer))
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def leader(self) -> int | None:
        """Number of the member that every running member calls the leader, or None."""
        named, own = set(), {}
        for number, process in enumerate(self._processes):
            if process is None:
                continue
            status = self._status(number)
            if status is None:
                return None
            named.add(status.get("leader", "0"))
            own[dict(status["header"])["member_id"]] = number  # type: ignore[call-overload]
        return own.get(named.pop()) if len(named) == 1 else None

    def pids(self) -> list[int]:
        return [process.pid for process in self._processes if process is not None]

    def pid(self, number: int) -> int:
        process = self._processes[number]
        assert process is not None
        return process.pid

    def kill_member(self, number: int) -> None:
        process = self._processes[number]
        assert process is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        self._processes[number] = None

    def stop(self) -> None:
        for number, process in enumerate(self._processes):
            if process is not None:
                self.kill_member(number)
