"""The images of the test cluster as files: the project's own from its Dockerfile, and the one that holds a pod's namespaces."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.kubernetes.bed.layout import PAUSE_IMAGE
from tests.kubernetes.cache import GIB, CannotPrepare, cache_directory, locked, require_space
from tests.kubernetes.image.base import base_image
from tests.kubernetes.image.buildah import Buildah
from tests.kubernetes.settings import IMAGE

CERTIFICATES = Path("/etc/ssl/certs")
PIP_CONFIGURATION = Path("/etc/pip.conf")
ARCHIVES_KEPT = 6
BYTES_NEEDED = 2 * GIB


def quorate_archive(repository: Path, image: str = IMAGE) -> Path:
    """docker-archive of `image`: `repository`'s working tree, built when there is none of exactly this tree. Raises `CannotPrepare`."""
    cache = cache_directory()
    archive = cache / "images" / f"quorate-{tree_digest(repository, image)}.tar"
    if archive.exists():
        archive.touch()
        return archive
    buildah = Buildah(cache / "buildah")
    base = base_image(buildah)
    with locked(cache):
        require_space(cache, BYTES_NEEDED, "the project's image")
        print(f"{image}: building from the Dockerfile", flush=True)
        begun = time.monotonic()
        command = ["--isolation", "chroot", "--pull-never", "--layers", "--build-arg", f"BASE={base}", *_mounts(), "-t", image]
        buildah("bud", *command, str(repository))
        _push(buildah, image, archive)
        print(f"{image}: built in {time.monotonic() - begun:.0f} s", flush=True)
    return archive


def tree_digest(repository: Path, image: str) -> str:
    """Of its name and of every file that goes into it: what .dockerignore lets through."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=repository, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    digest = hashlib.sha256(image.encode())
    for name in sorted(listing):
        path = repository / name
        if name.split("/")[0] in IN_THE_IMAGE and path.is_file():
            digest.update(f"{name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


IN_THE_IMAGE = frozenset(
    {
        "Dockerfile",
        ".dockerignore",
        "pyproject.toml",
        "requirements.gpu.lock",
        "requirements.image.lock",
        "README.md",
        "LICENSE",
        "client",
        "node",
        "operator",
    }
)


def _mounts() -> list[str]:
    """How this machine reaches its package index is the machine's business: its trust and pip's settings are lent to the build."""
    mounts = [f"{CERTIFICATES}:{CERTIFICATES}:ro"] if CERTIFICATES.is_dir() else []
    mounts += [f"{PIP_CONFIGURATION}:{PIP_CONFIGURATION}:ro"] if PIP_CONFIGURATION.is_file() else []
    return [part for mount in mounts for part in ("-v", mount)]


def pause_archive(program: Path) -> Path:
    """docker-archive of an image of `program` alone. Raises `CannotPrepare`."""
    cache = cache_directory()
    archive = cache / "images" / f"{program.parent.name}.tar"
    with locked(cache):
        if not archive.exists():
            buildah = Buildah(cache / "buildah")
            container = buildah("from", "scratch").strip()
            try:
                shutil.copy2(program, Path(buildah("mount", container).strip()) / "pause")
                buildah("umount", container)
                buildah("config", "--user", "65535:65535", "--entrypoint", '["/pause"]', container)
                buildah("commit", container, PAUSE_IMAGE)
            finally:
                buildah("rm", container)
            _push(buildah, PAUSE_IMAGE, archive)
    return archive


def _push(buildah: Buildah, image: str, archive: Path) -> None:
    """Under another name until it is whole; the oldest ones of the same image make room."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    buildah("push", image, f"docker-archive:{unfinished}:{image}")
    unfinished.rename(archive)
    of_the_image = sorted(archive.parent.glob(f"{archive.name.split('-')[0]}-*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in of_the_image[ARCHIVES_KEPT:]:
        old.unlink()


if __name__ == "__main__":
    try:
        print(quorate_archive(Path(__file__).resolve().parents[3]))
    except CannotPrepare as failure:
        sys.exit(f"make: {failure}")
