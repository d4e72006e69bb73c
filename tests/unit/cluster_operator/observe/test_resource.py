"""A resource of a newer definition: its fields are left out of account and named, its values are refused."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_operator.observe.resource import InvalidResource, read_spec
from tests.unit.cluster_operator.resources import spec_of


def resource(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "kv"}, "spec": spec}


def test_what_this_release_knows_is_read_as_it_is() -> None:
    assert read_spec(resource(replicas=5)) == (spec_of(replicas=5), ())


def test_fields_that_a_newer_definition_filled_in_are_left_out_and_named() -> None:
    newer = resource(replicas=5, tomorrow={"enabled": False}, storage={"size": "20Gi", "tier": "fast"})
    assert read_spec(newer) == (spec_of(replicas=5, storage={"size": "20Gi"}), ("spec.storage.tier", "spec.tomorrow"))
    assert "tomorrow" in newer["spec"], "the resource itself is not touched"


def test_a_value_that_is_not_known_is_refused_by_its_name_also_beside_an_unknown_field() -> None:
    for spec in ({"mode": "tomorrow"}, {"mode": "tomorrow", "tomorrow": 1}):
        with pytest.raises(InvalidResource, match=r"spec\.mode: .*upgrade the operator"):
            read_spec(resource(**spec))
