"""etcd's server, built from its Go module by the ordinary Go tool."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

VERSION = os.environ.get("QUORATE_BENCH_ETCD_VERSION", "v3.6.16")
MODULE = "go.etcd.io/etcd/server/v3"
BUILD_TIMEOUT_S = 1_800
REPOSITORY = Path(__file__).resolve().parents[3]


class CannotBuild(Exception):
    """There is no etcd to compare with, and why."""


def _go(arguments: list[str], directory: Path) -> None:
    try:
        done = subprocess.run(["go", *arguments], cwd=directory, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"`go {' '.join(arguments)}` took more than {BUILD_TIMEOUT_S} s") from error
    if done.returncode != 0:
        raise CannotBuild(f"`go {' '.join(arguments)}` failed with status {done.returncode}:\n{done.stderr[-2_000:]}")


def etcd_binary() -> Path:
    """The server's program, built once for a version and kept under build/ (git-ignored). Raises `CannotBuild`.

    etcd publishes its server as a module with `replace`d siblings, which `go install module@version` refuses; a module of our own that
    requires it builds the same program.
    """
    directory = REPOSITORY / "build" / f"etcd-{VERSION}"
    binary = directory / "etcd"
    if binary.exists():
        return binary
    if shutil.which("go") is None:
        raise CannotBuild("there is no `go` on the PATH: install Go 1.24 or newer, or run with --no-etcd")
    print(f"building etcd {VERSION} from its Go module (a few minutes the first time) ...", flush=True)
    begun = time.monotonic()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    _go(["mod", "init", "quorate.invalid/etcd"], directory)
    _go(["get", f"{MODULE}@{VERSION}"], directory)
    _go(["build", "-trimpath", "-o", "etcd.new", MODULE], directory)
    (directory / "etcd.new").rename(binary)
    print(f"built in {time.monotonic() - begun:.0f} s", flush=True)
    return binary
