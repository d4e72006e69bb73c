"""Control groups of the test cluster's pods: the one thing of theirs that no namespace takes away when it ends."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

MOUNTS = Path("/sys/fs/cgroup")
ROOT_NAME = "quorate-bed"
"""Every cluster has a group of its own in it: several may run side by side."""
REMOVE_TIMEOUT_S = 10.0


def hierarchies(mounts: Path = MOUNTS) -> list[Path]:
    """Roots that hold groups: every controller's with version 1, the only one with version 2."""
    if (mounts / "cgroup.controllers").exists():
        return [mounts]
    # Version 1 links cpu and cpuacct to one folder on some systems: the folder counts once.
    return sorted({path.resolve() for path in mounts.iterdir() if path.is_dir()})


def make_groups(cluster: str, node: str, mounts: Path = MOUNTS) -> str:
    """Makes the group of one node in every hierarchy; returns its path as the kubelet's `cgroupRoot` takes it."""
    for hierarchy in hierarchies(mounts):
        group = hierarchy
        for name in (ROOT_NAME, cluster, node):
            if hierarchy == mounts:
                _delegate(group)
            group /= name
            group.mkdir(exist_ok=True)
    return f"/{ROOT_NAME}/{cluster}/{node}"


def _delegate(group: Path) -> None:
    """Version 2 gives a group only the controllers that its parent passes on."""
    for controller in (group / "cgroup.controllers").read_text().split():
        # Some cannot be passed on where processes are in the group itself; the kubelet says which of them it misses.
        with suppress(OSError):
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def groups_left(cluster: str, mounts: Path = MOUNTS) -> list[Path]:
    """Deepest first, as they must be removed."""
    found = [Path(folder) for hierarchy in hierarchies(mounts) for folder, _, _ in os.walk(hierarchy / ROOT_NAME / cluster)]
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def remove_groups(cluster: str, mounts: Path = MOUNTS) -> None:
    """Kills what is still in them and removes them. What cannot be removed within ten seconds stays, for `groups_left` to name."""
    deadline = time.monotonic() + REMOVE_TIMEOUT_S
    while (left := groups_left(cluster, mounts)) and time.monotonic() < deadline:
        for group in left:
            with suppress(OSError):
                for pid in (group / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):
                group.rmdir()
        time.sleep(0.05)
    for hierarchy in hierarchies(mounts):
        # The last cluster takes the folder of all of them along: while another one is there, it is not empty.
        with suppress(OSError):
            (hierarchy / ROOT_NAME).rmdir()
