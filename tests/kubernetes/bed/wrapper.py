"""Namespaces of its own for the test cluster: when the first process in them ends, everything that was started there is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

KUBELET = Path("/var/lib/kubelet")
ENTRY = "tests.kubernetes.bed.wrapper"
UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child")
"""Not `ip netns exec`: that mounts /sys anew, and the control groups are gone."""


def wrapped(command: list[str]) -> list[str]:
    """The command line that runs `command` in new namespaces (as root)."""
    return [*UNSHARE, sys.executable, "-m", ENTRY, *command]


def enter() -> None:
    """First steps inside: mounts stay inside, and folders that the parts write to by default are our own, /run with its sockets first."""
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    # Every kubelet makes a folder for device plugins below its default root, wherever its own root is.
    KUBELET.mkdir(exist_ok=True)
    for folder in ("/run", str(KUBELET)):
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", folder], check=True)
    # iptables keeps its lock there.
    Path("/run/lock").mkdir()


def main() -> int:
    """`python -m tests.kubernetes.bed.wrapper COMMAND...`, inside the namespaces: the command's exit status.

    It stays the first process of its process namespace, which reaps what orphans leave; containers' shims are such orphans.
    """
    enter()
    process = subprocess.Popen(sys.argv[1:])
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
