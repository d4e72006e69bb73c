"""docs/resource.md says of the resource what the API server knows of it."""

from __future__ import annotations

from pathlib import Path

from quorate_operator.api.model import VALIDATIONS
from quorate_operator.documents.resource import resource_page
from tests.unit.cluster_operator.api.test_schema import nodes, root_schema

PAGE = Path(__file__).resolve().parents[4] / "docs" / "resource.md"


def test_the_page_is_what_the_models_give() -> None:
    assert PAGE.read_text(encoding="utf-8") == resource_page(), "run: make operator-docs"


def test_every_field_and_every_refusal_is_on_it() -> None:
    page = resource_page()
    for path, node in nodes(root_schema()):
        if path.startswith((".spec.", ".status.")) and not path.endswith("[]"):
            assert f"`{path.lstrip('.')}`" in page, path
        for each in node.get(VALIDATIONS, []):
            assert each["message"].replace("|", "\\|") in page


def test_every_field_is_described() -> None:
    for path, node in nodes(root_schema()):
        if path.startswith((".spec.", ".status.")) and not path.endswith("[]"):
            assert node.get("description"), path
