"""docs/raft.md shows the tables that the code runs by."""

from __future__ import annotations

from docs.draw_raft import DOCUMENT, DRAWINGS, drawn


def test_the_drawings_are_those_of_the_tables() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert drawn(text) == text, "run: python -m docs.draw_raft"


def test_every_drawing_is_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in DRAWINGS:
        assert f"<!-- drawn: {name} -->" in text
