"""Builds every program of the test cluster once, into the cache."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from tests.kubernetes.binaries.recipes import Recipe, recipes
from tests.kubernetes.cache import GIB, CannotPrepare, cache_directory, locked, require_space

GO_BYTES = 6 * GIB
"""Modules 0.8 GiB, build cache 3.7 GiB, programs 0.8 GiB."""
PROGRESS_S = 30
TAIL_LINES = 30


def _folder() -> Path:
    folder = cache_directory() / "binaries"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def missing() -> list[Recipe]:
    """What is not in the cache."""
    return [recipe for recipe in recipes() if not (_folder() / recipe.key).is_dir()]


def programs() -> dict[str, Path]:
    """Path of every program, and of every file beside one, by name; what is not in the cache is built. Raises `CannotPrepare`."""
    cache = _folder()
    with locked(cache):
        wanted = missing()
        if wanted:
            require_go()
            _require_space(cache)
        for recipe in wanted:
            _build(recipe, cache)
    names = [(recipe, name) for recipe in recipes() for name in (*recipe.programs, *(Path(file).name for file in recipe.files))]
    return {name: cache / recipe.key / name for recipe, name in names}


def require_go() -> None:
    """Raises `CannotPrepare`."""
    if shutil.which("go") is None:
        raise CannotPrepare(
            "there is no `go` on the PATH: the cluster's programs are built from their Go modules; install Go 1.26 or newer"
        )


def _require_space(cache: Path) -> None:
    require_space(cache, GIB, "the cluster's programs")
    for variable in ("GOCACHE", "GOMODCACHE"):
        answer = subprocess.run(["go", "env", variable], capture_output=True, text=True, check=True).stdout.strip()
        require_space(Path(answer), GO_BYTES, f"building them ({variable})")


def _build(recipe: Recipe, cache: Path) -> None:
    """Into a folder beside, renamed when all is there: an interrupted build is no build."""
    print(f"{recipe.name} {recipe.version}: building {', '.join(recipe.programs)} (kept in {cache})", flush=True)
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=cache, prefix=".building-") as name:
        target = Path(name)
        environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": name, "GOWORK": "off"}
        flags = ["-v", "-trimpath", "-buildvcs=false", "-ldflags", recipe.link_flags]
        if recipe.module is None:
            command = ["go", "install", *flags, *(f"{package}@{recipe.version}" for package in recipe.packages)]
        else:
            command = ["go", "build", *flags, "-o", name + "/", *recipe.packages]
        _run_with_progress(command, recipe.module or cache, environment, recipe.name)
        finished = target / "finished"
        finished.mkdir()
        for program, made_as in recipe.programs.items():
            (target / made_as).rename(finished / program)
        _copy_files(recipe, finished)
        finished.rename(cache / recipe.key)
    print(f"{recipe.name} {recipe.version}: built in {time.monotonic() - begun:.0f} s", flush=True)


def _copy_files(recipe: Recipe, target: Path) -> None:
    """Out of the module as Go has it in its own cache, checked against the sums that every module is checked against."""
    if not recipe.files:
        return
    command = ["go", "mod", "download", "-json", f"{recipe.source}@{recipe.version}"]
    done = subprocess.run(command, cwd=target, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotPrepare(f"`{' '.join(command)}` failed with status {done.returncode}:\n{(done.stdout + done.stderr)[-2_000:]}")
    module = Path(json.loads(done.stdout)["Dir"])
    for file in recipe.files:
        shutil.copyfile(module / file, target / Path(file).name)


def _run_with_progress(command: list[str], directory: Path, environment: dict[str, str], name: str) -> None:
    """Says every half minute how many packages are compiled; on failure, the end of what the command said. Raises `CannotPrepare`."""
    process = subprocess.Popen(command, cwd=directory, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    lines = [0]

    def read(stream: IO[str]) -> None:
        for line in stream:
            lines[0] += 1
            tail.append(line)

    reader = threading.Thread(target=read, args=(process.stderr,), daemon=True)
    reader.start()
    begun = time.monotonic()
    try:
        while process.poll() is None:
            try:
                process.wait(PROGRESS_S)
            except subprocess.TimeoutExpired:
                print(f"{name}: {time.monotonic() - begun:.0f} s, {lines[0]} packages so far", flush=True)
    finally:
        process.kill()
        process.wait()
    reader.join(5)
    if process.returncode != 0:
        raise CannotPrepare(f"`{' '.join(command)}` in {directory} failed with status {process.returncode}:\n{''.join(tail)}")


if __name__ == "__main__":
    try:
        for program, path in programs().items():
            print(f"{program:24} {path}")
    except CannotPrepare as failure:
        sys.exit(f"make: {failure}")
