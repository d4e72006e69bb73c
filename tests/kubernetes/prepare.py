"""All that a test cluster needs from the world outside: inside its namespaces there is none."""

from __future__ import annotations

import os
from pathlib import Path

from tests.kubernetes.binaries.build import programs
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


def prepare() -> list[Path]:
    """Packages, programs and images; returns the images' archives. Raises `CannotPrepare`."""
    require_root()
    require_packages()
    return [pause_archive(programs()["pause"]), quorate_archive(REPOSITORY)]


def environment(images: list[Path], state: Path, logs: Path) -> dict[str, str]:
    """Of a process inside that makes a cluster in `state`."""
    said = {IMAGES_VARIABLE: os.pathsep.join(str(image) for image in images), STATE_VARIABLE: str(state), LOGS_VARIABLE: str(logs)}
    return {**os.environ, **said}
