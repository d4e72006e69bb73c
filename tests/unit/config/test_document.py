"""docs/configuration.md says what the model says, of every setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.config.document import document
from quorate_node.config.settings_table import Setting, sections, settings

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
EVERY = [setting for table in settings().values() for setting in table.values()]


def test_the_page_is_what_the_model_says() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run: make config-docs"


@pytest.mark.parametrize("setting", EVERY, ids=[setting.path for setting in EVERY])
def test_every_setting_is_explained(setting: Setting) -> None:
    assert setting.description.endswith((".", ")")), f"{setting.path} needs a sentence below its field"


@pytest.mark.parametrize(("section", "owner"), sections().items(), ids=list(sections()))
def test_every_section_is_explained(section: str, owner: type) -> None:
    """A dataclass without a docstring is given its signature for one."""
    summary = owner.__doc__ or ""
    assert summary.strip().endswith(".") and not summary.startswith(owner.__name__), f"[{section}] needs a docstring"


def test_the_table_has_the_limits_of_every_room() -> None:
    assert set(settings()) >= {"member", "listen", "discovery", "bootstrap", "tls"}
    assert set(settings()) >= {"replica", "raft", "machine", "store", "transport", "api"}
    assert len(EVERY) > 120
