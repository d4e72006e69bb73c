"""No file of the vectors folder goes untested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.mls.vectors import KINDS, VECTORS, kind_of


@pytest.mark.skipif(not VECTORS.is_dir(), reason=f"no vectors at {VECTORS}: set QUORATE_VECTORS")
def test_every_file_belongs_to_a_kind() -> None:
    files = [file for file in sorted(VECTORS.iterdir()) if file.name != "FORMAT.md"]
    assert [file.name for file in files if file.suffix != ".json" or not kind_of(file)] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_its_test(kind: str) -> None:
    assert Path(__file__).with_name(f"test_{kind.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("treekem.json", "treekem"),
        ("messages-30.json", "messages"),
        ("passive-client-random.json", "passive-client"),
        ("treekems.json", None),
        ("tree.json", None),
    ],
)
def test_a_files_kind_is_the_beginning_of_its_name(name: str, kind: str | None) -> None:
    assert kind_of(Path(name)) == kind
