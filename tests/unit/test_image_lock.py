"""The images have exactly what the tests were run with, and the Dockerfile lets nothing else in."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tests.kubernetes.image.build import IN_THE_IMAGE

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = {"cpu": "requirements.image.lock", "gpu": "requirements.gpu.lock"}
EXTRAS = {"cpu": ("node", "operator"), "gpu": ("node", "operator", "gpu")}
"""Extras of the programs, by the image's variant; `development` stays outside."""
PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def pinned(name: str) -> dict[str, set[str]]:
    """A package may have a version for each range of Pythons."""
    found: dict[str, set[str]] = {}
    for package, version in PINNED.findall((REPOSITORY / name).read_text()):
        found.setdefault(package, set()).add(version)
    return found


def named(requirements: list[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}


def dockerfile() -> str:
    return (REPOSITORY / "Dockerfile").read_text()


def test_every_version_is_the_one_of_the_whole_lock() -> None:
    whole = pinned("requirements.lock")
    differing = {name: versions for name, versions in pinned(LOCKS["cpu"]).items() if whole.get(name) != versions}
    assert differing == {}, "run `make lock`"


def test_the_variant_for_gpus_has_what_the_other_has_in_the_same_versions_and_nothing_that_the_tests_had_in_another() -> None:
    whole, other, gpu = pinned("requirements.lock"), pinned(LOCKS["cpu"]), pinned(LOCKS["gpu"])
    assert {name: gpu.get(name) for name in other} == other, "run `make lock`"
    assert {name: versions for name, versions in gpu.items() if versions != whole.get(name, versions)} == {}


@pytest.mark.parametrize("variant", sorted(LOCKS))
def test_every_dependency_of_the_programs_is_there_and_no_tool_of_ours(variant: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    image = set(pinned(LOCKS[variant]))
    wanted = [*project["dependencies"], *(each for extra in EXTRAS[variant] for each in extras[extra])]
    assert named(wanted) - image == set(), "run `make lock`"
    assert image & {"pytest", "mypy", "ruff", "hypothesis"} == set()
    assert bool(named(extras["gpu"]) & image) == (variant == "gpu")


@pytest.mark.parametrize("variant", sorted(LOCKS))
def test_every_file_of_a_lock_has_its_hash(variant: str) -> None:
    text = (REPOSITORY / LOCKS[variant]).read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text) if not entry.startswith("#")]
    assert len(entries) == sum(map(len, pinned(LOCKS[variant]).values()))
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_each_variant_has_its_own_lock_the_plain_one_is_the_default_and_another_is_refused() -> None:
    assert re.search(r"^ARG VARIANT=cpu$", dockerfile(), re.MULTILINE)
    assert dict(re.findall(r"^ +(\w+)\) lock=(\S+) ;;", dockerfile(), re.MULTILINE)) == LOCKS
    assert "it must be cpu or gpu" in dockerfile() and '--require-hashes -r "/source/${lock}"' in dockerfile()


def test_nobody_is_root_and_nothing_needs_a_root_that_can_be_written_to() -> None:
    last = dockerfile().rsplit("\nFROM ", 1)[1]
    (user,) = re.findall(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user != ("0", "0")
    # Compiled kernels, and Python's own code, are else written beside the programs or into a home that is not there.
    assert "CUPY_CACHE_IN_MEMORY=1" in last and "CUPY_CACHE_DIR=/tmp" in last and "PYTHONDONTWRITEBYTECODE=1" in last


def test_what_is_copied_is_let_through_and_counts_for_the_image_of_the_tests() -> None:
    let_through = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().split() if line.startswith("!")}
    sources = {source for copied in re.findall(r"^COPY (?!--)(.+) \S+$", dockerfile(), re.MULTILINE) for source in copied.split()}
    assert sources == let_through - {"Dockerfile"}
    assert let_through | {".dockerignore"} == IN_THE_IMAGE
