"""The CRD is structural, bounded, and what the models say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from quorate_operator import crd_files
from quorate_operator.api.admission import WARNINGS, warning_policy
from quorate_operator.api.crd import custom_resource_definition, root_schema
from quorate_operator.api.model import PRESERVE, VALIDATIONS
from quorate_operator.api.schema import structural_schema
from quorate_operator.api.spec import ConsensusClusterSpec

REPOSITORY = Path(__file__).resolve().parents[4]


def nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, each in schema.get("properties", {}).items():
        yield from nodes(each, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from nodes(schema[name], f"{path}[]")


def of_ours() -> list[tuple[str, dict[str, Any]]]:
    """Every node below spec and status."""
    return [(path, node) for path, node in nodes(root_schema()) if path.startswith((".spec", ".status"))]


def all_rules() -> list[tuple[str, dict[str, str]]]:
    return [(path, each) for path, node in nodes(root_schema()) for each in node.get(VALIDATIONS, [])]


def test_the_files_in_crds_are_what_the_models_give() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (REPOSITORY / "crds").iterdir()}
    assert there == dict(crd_files.files()), "write them anew: make crds"


def test_the_files_hold_the_objects() -> None:
    crd = yaml.safe_load(crd_files.files()["consensusclusters.yaml"])
    assert crd == custom_resource_definition()


def test_the_command_writes_them(tmp_path: Path) -> None:
    crd_files.main([str(tmp_path / "crds")])
    assert {path.name for path in (tmp_path / "crds").iterdir()} == set(crd_files.files())


def test_every_node_has_one_type_and_no_union() -> None:
    for path, node in of_ours():
        assert isinstance(node.get("type"), str), path
        assert not {"anyOf", "oneOf", "allOf", "$ref", "title", "nullable"} & set(node), path


def test_every_list_map_and_text_is_bounded() -> None:
    """The API server estimates what a rule costs from these bounds, and refuses rules over what has none."""
    for path, node in of_ours():
        if node["type"] == "array":
            assert node.get("maxItems", 10**9) <= 64, path
        if node["type"] == "string" and "enum" not in node:
            assert node.get("maxLength", 10**9) <= 4096, path
        if node["type"] == "integer":
            assert "minimum" in node, path
        if node["type"] == "object" and "additionalProperties" in node:
            assert node.get("maxProperties", 10**9) <= 64, path
        if node["type"] == "object":
            assert "properties" in node or "additionalProperties" in node or node.get(PRESERVE), path


def test_every_field_of_the_spec_has_a_default_or_may_be_left_out() -> None:
    assert "required" not in structural_schema(ConsensusClusterSpec)


def test_every_rule_says_the_remedy_in_one_line() -> None:
    assert len(all_rules()) >= 18
    for path, each in all_rules():
        assert ";" in each["message"] or ":" in each["message"], path
        assert "\n" not in each["message"] and len(each["message"]) < 400, path
        assert set(each) <= {"rule", "message", "fieldPath"}, path


def test_a_rule_names_only_fields_that_exist() -> None:
    for path, node in nodes(root_schema()):
        for each in node.get(VALIDATIONS, []):
            for root in re.findall(r"(?:self|oldSelf)\.([A-Za-z]+)", each["rule"]):
                assert root in node["properties"], (path, root)
            if "fieldPath" in each:
                assert each["fieldPath"].lstrip(".") in node["properties"], path


def test_a_warning_names_only_fields_that_exist() -> None:
    whole = root_schema()
    for expression, message in WARNINGS:
        for dotted in re.findall(r"object((?:\.[a-zA-Z]+)+)", expression):
            node = whole
            for name in dotted.strip(".").split("."):
                node = node["properties"][name]
        assert message.startswith("spec.")
    policy, binding = warning_policy()
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Warn"]


def test_scale_and_status_are_subresources_and_their_paths_exist() -> None:
    version = custom_resource_definition()["spec"]["versions"][0]
    whole = root_schema()
    assert version["subresources"]["status"] == {}
    for path in version["subresources"]["scale"].values():
        node = whole
        for name in path.strip(".").split("."):
            node = node["properties"][name]


def test_no_union_slips_through() -> None:
    class Either(BaseModel):
        field: int | str = 0

    with pytest.raises(ValueError, match="union"):
        structural_schema(Either)


def test_an_unknown_field_is_refused_by_its_name() -> None:
    with pytest.raises(ValidationError, match="replica"):
        ConsensusClusterSpec.model_validate({"replica": 3})


def test_defaults_of_the_schema_are_those_of_the_model() -> None:
    """What the API server fills in and what the operator takes for granted are the same resource."""

    def filled(schema: dict[str, Any]) -> Any:
        if schema["type"] == "object" and "properties" in schema:
            return {name: filled(each) for name, each in schema["properties"].items() if "default" in each}
        return schema["default"]

    default = ConsensusClusterSpec()
    assert ConsensusClusterSpec.model_validate(filled(structural_schema(ConsensusClusterSpec))) == default
