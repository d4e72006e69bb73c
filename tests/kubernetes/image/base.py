"""The image that the project's own is built on, made without a registry: Debian's Python in a minimal tree."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from tests.kubernetes.cache import GIB, CannotPrepare, cache_directory, locked, require_space
from tests.kubernetes.image.buildah import Buildah

SUITE = "bookworm"
INCLUDED = ("ca-certificates", "python3", "python3-venv")
NAME = f"localhost/quorate-base-{SUITE}:1"
BYTES_NEEDED = 2 * GIB
DEBOOTSTRAP_TIMEOUT_S = 1_800


def base_image(buildah: Buildah) -> str:
    """Name of the base image in `buildah`'s storage; made there if it is not. Raises `CannotPrepare`."""
    cache = cache_directory()
    with locked(cache):
        if not buildah.has(NAME):
            _make(buildah, cache)
    return NAME


def _make(buildah: Buildah, cache: Path) -> None:
    require_space(cache, BYTES_NEEDED, "the base image")
    print(f"base image: debootstrap of {SUITE} with {', '.join(INCLUDED)} (kept in {cache})", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=cache, prefix=".base-") as folder:
        tree = Path(folder) / "tree"
        _debootstrap(tree)
        container = buildah("from", "scratch").strip()
        try:
            mounted = Path(buildah("mount", container).strip())
            _copy(tree, mounted)
            buildah("umount", container)
            buildah("config", "--env", "LANG=C.UTF-8", "--cmd", "python3", container)
            buildah("commit", container, NAME)
        finally:
            buildah("rm", container)
    print(f"base image: made in {time.monotonic() - begun:.0f} s", flush=True)


def _debootstrap(tree: Path) -> None:
    command = ["debootstrap", "--variant=minbase", f"--include={','.join(INCLUDED)}", SUITE, str(tree)]
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEBOOTSTRAP_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise CannotPrepare(f"`{' '.join(command)}` took more than {DEBOOTSTRAP_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise CannotPrepare(f"`{' '.join(command)}` failed with status {done.returncode}:\n{done.stdout[-2_000:]}")
    # What only a package manager reads again, and no image of ours has one at work.
    shutil.rmtree(tree / "var" / "cache" / "apt", ignore_errors=True)
    shutil.rmtree(tree / "var" / "lib" / "apt" / "lists", ignore_errors=True)


def _copy(tree: Path, target: Path) -> None:
    """`cp -a` keeps owners, links and devices, which `shutil` does not."""
    done = subprocess.run(["cp", "-a", f"{tree}/.", str(target)], capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotPrepare(f"the base image's tree could not be copied to {target}:\n{done.stderr[-1_000:]}")
