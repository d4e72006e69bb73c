"""Namespaces of its own for the test cluster: when the first process in them ends, everything that was started there is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

DEFAULT_FOLDERS = tuple(Path(name) for name in ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/var/log/containers"))
"""What the parts write to wherever their own roots are: device plugins, a network's cached results, links to logs. Covered inside."""
ENTRY = "tests.kubernetes.bed.wrapper"
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
"""Not `ip netns exec`: that mounts /sys anew, and the control groups are gone."""


def wrapped(command: list[str]) -> list[str]:
    """The command line that runs `command` in new namespaces (as root)."""
    return [*UNSHARE, sys.executable, "-m", ENTRY, *command]


def enter() -> None:
    """First steps inside: mounts stay inside, and folders that the parts write to by default are our own, /run with its sockets first."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for folder in (Path("/run"), *DEFAULT_FOLDERS):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(folder)], check=True)
    # iptables keeps its lock there.
    Path("/run/lock").mkdir()


def main() -> int:
    """`python -m tests.kubernetes.bed.wrapper COMMAND...`, inside the namespaces: the command's exit status.

    It stays the first process of its process namespace, which reaps what orphans leave; containers' shims are such orphans.
    """
    enter()
    process = subprocess.Popen(sys.argv[1:])
    # The kernel gives the first process of a namespace only the signals that it handles; this one is meant for the command.
    signal.signal(signal.SIGTERM, lambda number, _frame: process.send_signal(number))
    while True:
        pid, status = _reaped()
        if pid == process.pid:
            return status


def _reaped() -> tuple[int, int]:
    try:
        pid, status = os.wait()
    except KeyboardInterrupt:
        # The terminal told the command too: it ends in its own way, and we wait for it.
        return 0, 0
    return pid, os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
