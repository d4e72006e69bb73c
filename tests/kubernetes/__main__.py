"""`make test-kubernetes`: on the cluster that KUBECONFIG names, else on one that is made here and gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.kubernetes.bed.cgroups import remove_groups
from tests.kubernetes.bed.remains import Remains, files_now, remains
from tests.kubernetes.bed.wrapper import wrapped
from tests.kubernetes.binaries.build import programs
from tests.kubernetes.cache import CannotPrepare, cache_directory
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
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    beds = cache_directory() / "beds"
    beds.mkdir(exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="bed-", dir=beds))
    files_before = files_now()
    try:
        status = subprocess.run(
            wrapped(command), env={**os.environ, **environment, STATE_VARIABLE: str(state), LOGS_VARIABLE: str(LOGS)}, cwd=REPOSITORY
        ).returncode
    finally:
        left = _clear(state, files_before)
    if left:
        print(f"test-kubernetes: left behind: {left}", file=sys.stderr)
        return status or EXIT_LEFT_SOMETHING
    print(f"left behind: {left}", flush=True)
    return status


def _clear(state: Path, files_before: frozenset[str]) -> Remains:
    """Removes what no namespace takes away; returns what is left after that."""
    remove_groups()
    shutil.rmtree(state, ignore_errors=True)
    return remains(state, files_before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
