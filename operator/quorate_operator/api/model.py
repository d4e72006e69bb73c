"""What all models of the API share, and its bounded words: the API server estimates the cost of rules from these bounds."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

GROUP = "quorate.io"
VERSION = "v1alpha1"
KIND = "ConsensusCluster"
PLURAL = "consensusclusters"

VALIDATIONS = "x-kubernetes-validations"
PRESERVE = "x-kubernetes-preserve-unknown-fields"


class Model(BaseModel):
    """Frozen, camelCase outside; an unknown field is refused by its name (the API server prunes it with a warning)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


def rule(expression: str, message: str, *, field: str = "") -> dict[str, str]:
    """One CEL rule. `message` says the remedy; `field` (".replicas") is where the refusal points to."""
    found = {"rule": expression, "message": message}
    return {**found, "fieldPath": field} if field else found


def rules(*each: dict[str, str]) -> ConfigDict:
    """The configuration of a model that carries CEL rules."""
    schema: dict[str, Any] = {VALIDATIONS: list(each)}
    return ConfigDict(json_schema_extra=schema)


Name = Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")]
"""A name of an object: an RFC 1123 subdomain."""
MemberId = Annotated[str, Field(min_length=1, max_length=19, pattern=r"^[1-9][0-9]*$")]
"""A member's id, 1 to 2^63-1: as text, since JSON numbers do not hold it."""
LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63, pattern=r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")]
Zone = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
Quantity = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$")]
"""A positive amount as Kubernetes writes it: 500m, 2, 10Gi."""
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=32)]
Annotations = Annotated[dict[LabelKey, Annotated[str, Field(max_length=4096)]], Field(max_length=32)]
Free = Annotated[dict[str, Any], Field(json_schema_extra={PRESERVE: True})]
"""Kubernetes' own types, checked by the API server when they are applied, not twice."""
