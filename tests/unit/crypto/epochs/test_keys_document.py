"""docs/keys.md shows the tables that the code runs by, and names its settings as they are."""

from __future__ import annotations

import re
from dataclasses import fields

from docs.draw_keys import DOCUMENT, DRAWINGS, drawn
from quorate_node.crypto.epochs.settings import DEFAULT, EpochSettings


def test_the_drawings_are_those_of_the_tables() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert drawn(text) == text, "run: python -m docs.draw_keys"


def test_every_drawing_is_in_the_document() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    for name in DRAWINGS:
        assert f"<!-- drawn: {name} -->" in text


def test_the_settings_that_it_names_have_the_values_that_it_names() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    named = dict(re.findall(r"`(\w+)` \((\d+)\)", text))
    known = {field.name: str(getattr(DEFAULT, field.name)) for field in fields(EpochSettings)}
    assert named, "it names some, as `name` (value)"
    assert {name: known.get(name) for name in named} == named
