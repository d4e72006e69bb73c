"""`python -m tests.kubernetes.bed.held`, inside the namespaces: a cluster that stays up until SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.bed.processes import BedFailure
from tests.kubernetes.bed.volumes import recycle_released
from tests.kubernetes.binaries.build import programs
from tests.kubernetes.kubectl import KubectlFailure
from tests.kubernetes.settings import IMAGES_VARIABLE, LOGS_VARIABLE, READY_FILE, STATE_VARIABLE

LOOK_S = 3.0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    state, logs = Path(os.environ[STATE_VARIABLE]), Path(os.environ[LOGS_VARIABLE])
    images = [Path(name) for name in os.environ[IMAGES_VARIABLE].split(os.pathsep)]
    bed = Bed(programs(), images, state, logs)
    try:
        bed.start()
        _say_ready(bed, state, logs)
        said: set[str] = set()
        while True:
            time.sleep(LOOK_S)
            _look_after(bed, said)
    except BedFailure as failure:
        print(f"test-kubernetes: {failure}", file=sys.stderr)
        return 1
    finally:
        bed.stop()


def _say_ready(bed: Bed, state: Path, logs: Path) -> None:
    folder = state / "programs"
    folder.mkdir()
    for name, path in programs().items():
        (folder / name).symlink_to(path)
    said = {
        "kubeconfig": str(bed.control_plane.kubeconfig),
        "programs": str(folder),
        "sockets": [str(node.place.containerd_socket) for node in bed.nodes],
        "audit_log": str(bed.control_plane.audit_log),
        "logs": str(logs),
    }
    unfinished = state / (READY_FILE + ".unfinished")
    unfinished.write_text(json.dumps(said))
    unfinished.rename(state / READY_FILE)


def _look_after(bed: Bed, said: set[str]) -> None:
    """Volumes whose claims are gone are offered again; a part that ended by itself is named, once."""
    for program in bed.everything:
        try:
            program.check()
        except BedFailure as failure:
            if program.name not in said:
                said.add(program.name)
                print(f"test-kubernetes: {failure}", file=sys.stderr, flush=True)
    try:
        recycle_released(bed.kubectl)
    except KubectlFailure as failure:
        print(f"test-kubernetes: {failure}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
