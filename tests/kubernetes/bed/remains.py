"""What a test cluster left on the machine. Namespaces take processes, mounts, bridges and packet filters; the rest is looked for here."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.kubernetes.bed.cgroups import MOUNTS, groups_left
from tests.kubernetes.bed.layout import BRIDGE
from tests.kubernetes.bed.wrapper import DEFAULT_FOLDERS

NETWORKS = Path("/var/lib/cni")
PLUGINS = Path("/usr/libexec/kubernetes")
WATCHED = (*DEFAULT_FOLDERS, NETWORKS / "networks", NETWORKS / "results", PLUGINS)
"""Folders that container runtimes use by default: what is new in them after a run is ours."""


@dataclass(frozen=True)
class Remains:
    """Everything by name, so that whoever finds it knows where to look."""

    processes: list[str] = field(default_factory=list)
    mounts: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    interfaces: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.processes, self.mounts, self.groups, self.files, self.interfaces))

    def __str__(self) -> str:
        kinds = {
            "processes": self.processes,
            "mounts": self.mounts,
            "control groups": self.groups,
            "files": self.files,
            "interfaces": self.interfaces,
        }
        return ", ".join(f"{len(names)} {kind}" for kind, names in kinds.items()) + "".join(
            f"\n  {kind}: {name}" for kind, names in kinds.items() for name in names
        )


def files_now() -> frozenset[str]:
    """What is in the watched folders: taken before a run, so that the machine's own are not blamed on it."""
    return frozenset(str(path) for folder in WATCHED if folder.is_dir() for path in folder.iterdir())


def remains(state: Path, files_before: Iterable[str] = ()) -> Remains:
    """What is left of a cluster whose folder was `state`. `files_before`: what `files_now` said before it started."""
    return Remains(
        processes=_processes(str(state)),
        mounts=[line for line in Path("/proc/self/mounts").read_text().splitlines() if str(state) in line],
        groups=[str(path) for path in groups_left(state.name, MOUNTS)],
        files=sorted(files_now() - frozenset(files_before)) + ([str(state)] if state.exists() else []),
        interfaces=[path.name for path in Path("/sys/class/net").iterdir() if path.name.startswith(BRIDGE[:-1])],
    )


def _processes(state: str) -> list[str]:
    """Those whose arguments name the cluster's folder: every part of it was started with a path below it."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            # It may end while we look.
            with suppress(OSError):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if state in command:
                    found.append(f"{folder.name} {command[:120]}")
    return found
