"""`make test-kubernetes`: on the cluster that KUBECONFIG names, else on one that is made here and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tests.kubernetes.bed.cgroups import remove_groups
from tests.kubernetes.bed.remains import Remains, files_now, remains
from tests.kubernetes.bed.wrapper import KUBELET, wrapped
from tests.kubernetes.binaries.build import programs
from tests.kubernetes.cache import CannotPrepare, cache_directory, locked
from tests.kubernetes.debian import require_packages
from tests.kubernetes.image.build import pause_archive, quorate_archive
from tests.kubernetes.settings import IMAGES_VARIABLE, LOGS_VARIABLE, STATE_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
LOGS = REPOSITORY / "build" / "kubernetes" / "logs"
EXIT_CANNOT_PREPARE = 2
EXIT_LEFT_SOMETHING = 3


def pytest_command(arguments: list[str]) -> list[str]:
    named = any(Path(argument.split("::")[0]).exists() for argument in arguments)
    where = [] if named else [str(REPOSITORY / "tests" / "kubernetes")]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *where, *arguments]


def main(arguments: list[str]) -> int:
    """The tests' exit status; 2: the cluster cannot be made here, as was said; 3: the tests passed, and something was left behind."""
    if os.environ.get("KUBECONFIG"):
        return subprocess.run(pytest_command(arguments)).returncode
    begun = time.monotonic()
    try:
        environment = _prepare()
    except CannotPrepare as failure:
        print(f"test-kubernetes: {failure}", file=sys.stderr)
        return EXIT_CANNOT_PREPARE
    print(f"prepared in {time.monotonic() - begun:.0f} s; logs: {LOGS}", flush=True)
    return _run(pytest_command(arguments), environment)


def _prepare() -> dict[str, str]:
    """All that needs the world outside: inside the namespaces there is none. Raises `CannotPrepare`."""
    if os.geteuid() != 0:
        raise CannotPrepare("the test cluster needs root, for namespaces and containers; or name a cluster with KUBECONFIG")
    require_packages()
    images = [pause_archive(programs()["pause"]), quorate_archive(REPOSITORY)]
    return {IMAGES_VARIABLE: os.pathsep.join(str(image) for image in images)}


def _run(command: list[str], environment: dict[str, str]) -> int:
    """One cluster at a time: control groups and logs have one name each. What a run that was killed has left goes first."""
    # Ended in order, a run takes its cluster along; `subprocess` then kills `unshare`, and that everything inside.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    beds = cache_directory() / "beds"
    beds.mkdir(exist_ok=True)
    with locked(beds):
        remove_groups()
        for stale in beds.glob("bed-*"):
            shutil.rmtree(stale, ignore_errors=True)
        shutil.rmtree(LOGS, ignore_errors=True)
        LOGS.mkdir(parents=True)
        state = Path(tempfile.mkdtemp(prefix="bed-", dir=beds))
        return _run_in(state, command, {**os.environ, **environment, STATE_VARIABLE: str(state), LOGS_VARIABLE: str(LOGS)})


def _run_in(state: Path, command: list[str], environment: dict[str, str]) -> int:
    files_before = files_now()
    try:
        status = subprocess.run(wrapped(command), env=environment, cwd=REPOSITORY).returncode
    finally:
        left = _clear(state, files_before)
        print(f"test-kubernetes: left behind: {left}", file=sys.stderr if left else sys.stdout, flush=True)
    return status or (EXIT_LEFT_SOMETHING if left else 0)


def _clear(state: Path, files_before: frozenset[str]) -> Remains:
    """Removes what no namespace takes away; returns what is left after that."""
    remove_groups()
    shutil.rmtree(state, ignore_errors=True)
    with suppress(OSError):
        KUBELET.rmdir()  # what the wrapper mounted over; a folder that somebody uses is not empty
    return remains(state, files_before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
