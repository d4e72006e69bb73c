"""The image has exactly what the tests were run with."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
IN_THE_IMAGE = ("node", "operator")
"""Extras of the programs; `development` stays outside."""
PINNED = re.compile(r"^([a-z0-9.-]+)==(\S+)", re.MULTILINE)


def pinned(name: str) -> dict[str, str]:
    return dict(PINNED.findall((REPOSITORY / name).read_text()))


def test_every_version_is_the_one_of_the_whole_lock() -> None:
    whole = pinned("requirements.lock")
    differing = {name: version for name, version in pinned("requirements.image.lock").items() if whole.get(name) != version}
    assert differing == {}, "run `make lock`"


def test_every_dependency_of_the_programs_is_there_and_no_tool_of_ours() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(each for extra in IN_THE_IMAGE for each in project["optional-dependencies"][extra])]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    image = set(pinned("requirements.image.lock"))
    assert names - image == set(), "run `make lock`"
    assert image & {"pytest", "mypy", "ruff", "hypothesis"} == set()
