"""The table, the document, the program's list and the source say the same."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from quorate_node.failpoints.document import document
from quorate_node.failpoints.loader import markers
from quorate_node.failpoints.sites import SITES

REPOSITORY = Path(__file__).resolve().parents[3]
PACKAGE = REPOSITORY / "node" / "quorate_node"


def in_the_source() -> dict[str, set[tuple[str, bool]]]:
    """Name -> (file, skip) of each marker."""
    found: dict[str, set[tuple[str, bool]]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        relative = path.relative_to(PACKAGE)
        if relative.parts[0] != "failpoints":
            for marker in markers(path.read_text(encoding="utf-8"), str(relative)):
                found.setdefault(marker.name, set()).add((relative.as_posix(), marker.skip))
    return found


def test_the_table_names_what_the_source_has_where_it_has_it() -> None:
    assert {name: {(file, site.skip) for file in site.files} for name, site in SITES.items()} == in_the_source()


def test_there_are_enough_and_none_in_a_pure_room() -> None:
    assert len(SITES) >= 45
    files = {file for site in SITES.values() for file in site.files}
    assert not [file for file in files if file.startswith(("protocol/", "crypto/"))]


def test_a_place_stands_once_in_a_file() -> None:
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] != "failpoints":
            names = [marker.name for marker in markers(path.read_text(encoding="utf-8"), str(path))]
            assert len(names) == len(set(names)), f"{path} names a failpoint twice: which one was reached could not be told"


def test_the_page_is_what_the_table_says() -> None:
    page = (REPOSITORY / "docs" / "failpoints.md").read_text(encoding="utf-8")
    assert page == document(), "run `python -m quorate_node.failpoints.document > docs/failpoints.md`"


def test_the_program_lists_them() -> None:
    node = Path(sys.executable).parent / "quorate-node"
    listed = subprocess.run([str(node), "--list-failpoints"], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.split()[0] for line in listed] == sorted(SITES)
