"""The resource, read by this release: a value that it does not know is refused, a field of a newer release is left out of account."""

from __future__ import annotations

import copy
from typing import Any

from pydantic import ValidationError

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.clients.errors import Failure
from quorate_operator.objects.identity import Object

UNKNOWN = "extra_forbidden"


class InvalidResource(Failure):
    """The resource cannot be read: its definition is newer than this operator, or older."""


def read_spec(resource: Object) -> tuple[ConsensusClusterSpec, tuple[str, ...]]:
    """The spec, and the fields of it that this release does not know, which stay out of account.

    The API server fills in the defaults of the newest definition that was ever installed: were an unknown field refused, an operator that
    is rolled back would look after nothing. Raises `InvalidResource`, which names the field, for a value that it does not know.
    """
    given = resource.get("spec", {})
    try:
        return ConsensusClusterSpec.model_validate(given), ()
    except ValidationError as wrong:
        unknown = [error["loc"] for error in wrong.errors() if error["type"] == UNKNOWN]
        known = copy.deepcopy(given)
        if not unknown or not all(_removed(known, path) for path in unknown):
            raise _invalid(wrong) from wrong
    try:
        return ConsensusClusterSpec.model_validate(known), tuple(sorted(_named(path) for path in unknown))
    except ValidationError as wrong:
        raise _invalid(wrong) from wrong


def spec_of(resource: Object) -> ConsensusClusterSpec:
    """Raises `InvalidResource`, as `read_spec`."""
    return read_spec(resource)[0]


def _removed(document: Any, path: tuple[int | str, ...]) -> bool:
    for part in path[:-1]:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return False
    return isinstance(document, dict) and document.pop(path[-1], None) is not None


def _named(path: tuple[int | str, ...]) -> str:
    return "spec." + ".".join(map(str, path))


def _invalid(wrong: ValidationError) -> InvalidResource:
    first = next((error for error in wrong.errors() if error["type"] != UNKNOWN), wrong.errors()[0])
    remedy = "this operator's release knows no such value: upgrade the operator or change the field"
    return InvalidResource("InvalidResource", f"{_named(first['loc'])}: {first['msg']}; {remedy}")
