"""All that a test cluster needs from the world outside: inside its namespaces there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.kubernetes.bed.wrapper import UNSHARE
from tests.kubernetes.binaries.build import missing, programs, require_go
from tests.kubernetes.cache import CannotPrepare
from tests.kubernetes.debian import require_packages
from tests.kubernetes.image.build import pause_archive, quorate_archive
from tests.kubernetes.settings import IMAGES_VARIABLE, LOGS_VARIABLE, STATE_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "kubernetes"


def require_root() -> None:
    """Raises `CannotPrepare`."""
    if os.geteuid() != 0:
        raise CannotPrepare("the test cluster needs root, for namespaces and containers; or name a cluster with KUBECONFIG")


def require_machine() -> None:
    """What nothing here can bring: root with all its rights, and Go or all that it would build. Raises `CannotPrepare`."""
    require_root()
    if shutil.which("unshare") is not None:
        tried = subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/run"], capture_output=True, text=True)
        if tried.returncode != 0:
            raise CannotPrepare(f"this root may not make namespaces and mounts: {tried.stderr.strip() or tried.returncode}")
    if missing():
        require_go()


def require_built() -> None:
    """For whoever has no time to build. Raises `CannotPrepare`."""
    names = [recipe.name for recipe in missing()]
    if names:
        raise CannotPrepare(f"{', '.join(names)} are not built here yet, which takes some ten minutes: QUORATE_CI_KUBERNETES=1 does it")


def prepare() -> list[Path]:
    """Packages, programs and images; returns the images' archives. Raises `CannotPrepare`."""
    require_machine()
    require_packages()
    return [pause_archive(programs()["pause"]), quorate_archive(REPOSITORY)]


def environment(images: list[Path], state: Path, logs: Path) -> dict[str, str]:
    """Of a process inside that makes a cluster in `state`."""
    said = {IMAGES_VARIABLE: os.pathsep.join(str(image) for image in images), STATE_VARIABLE: str(state), LOGS_VARIABLE: str(logs)}
    return {**os.environ, **said}
