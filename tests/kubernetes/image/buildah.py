"""buildah with a storage of its own in the cache: no engine, no daemon, no registry."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.kubernetes.cache import CannotPrepare

TIMEOUT_S = 1_800


class Buildah:
    """`buildah("from", "scratch")`: what it writes to its standard output. Raises `CannotPrepare` with what it complains of."""

    def __init__(self, directory: Path) -> None:
        self._options = ["--storage-driver", "overlay", "--root", str(directory / "storage"), "--runroot", str(directory / "run")]

    def __call__(self, verb: str, *arguments: str) -> str:
        command = ["buildah", *self._options, verb, *arguments]
        try:
            done = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise CannotPrepare(f"`{' '.join(command)}` took more than {TIMEOUT_S} s") from None
        if done.returncode != 0:
            raise CannotPrepare(f"`{' '.join(command)}` failed with status {done.returncode}:\n{(done.stdout + done.stderr)[-4_000:]}")
        return done.stdout

    def has(self, image: str) -> bool:
        answer = subprocess.run(["buildah", *self._options, "inspect", "--type", "image", image], env=_environment(), capture_output=True)
        return answer.returncode == 0


def _environment() -> dict[str, str]:
    # Chroot isolation needs no container runtime, and so neither cgroups nor namespaces of ours.
    return {**os.environ, "BUILDAH_ISOLATION": "chroot", "REGISTRY_AUTH_FILE": os.devnull}
