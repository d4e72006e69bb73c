"""Every setting there is, as a table: read from the model, used to check names, to print and to document them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel, SecretStr

from quorate_node.config.descriptions import DESCRIPTIONS
from quorate_node.config.model import HIDDEN, NodeConfig

ENVIRONMENT_PREFIX = "QUORATE_"


class Setting(NamedTuple):
    section: str
    key: str
    type: Any
    default: Any
    description: str

    @property
    def path(self) -> str:
        return f"{self.section}.{self.key}"

    @property
    def environment(self) -> str:
        return f"{ENVIRONMENT_PREFIX}{self.section}__{self.key}".upper()

    @property
    def is_list(self) -> bool:
        return get_origin(self.type) is tuple

    @property
    def is_secret(self) -> bool:
        return self.type is SecretStr

    def type_in_words(self) -> str:
        if get_origin(self.type) is Literal:
            return " or ".join(f"`{value}`" for value in get_args(self.type))
        if self.is_list:
            return "list of texts"
        names = {bool: "true or false", int: "whole number", float: "number", str: "text", SecretStr: "secret text"}
        return names.get(self.type, "path")


def attribute_docstrings(owner: type) -> dict[str, str]:
    """attribute -> the string literal below it in the class body: where the rooms explain their settings."""
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    name = ""
    for statement in body.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            name = statement.target.id
        elif name and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            found[name] = " ".join(str(statement.value.value).split())
            name = ""
        else:
            name = ""
    return found


def section_settings(section: str, owner: type) -> list[Setting]:
    hints = get_type_hints(owner)
    documented = attribute_docstrings(owner)
    if issubclass(owner, BaseModel):
        defaults = {name: field.default for name, field in owner.model_fields.items()}
    else:
        assert dataclasses.is_dataclass(owner), f"{owner} is neither a model nor a dataclass"
        defaults = {field.name: field.default for field in dataclasses.fields(owner)}
    hidden = HIDDEN.get(section, frozenset())
    return [
        Setting(section, name, hints[name], default, documented.get(name, DESCRIPTIONS.get(f"{section}.{name}", "")))
        for name, default in defaults.items()
        if name not in hidden
    ]


@cache
def sections() -> dict[str, type]:
    """section -> the class that holds it, in the order of the model."""
    return {name: hint for name, hint in get_type_hints(NodeConfig).items() if name in NodeConfig.model_fields}


@cache
def settings() -> dict[str, dict[str, Setting]]:
    return {section: {each.key: each for each in section_settings(section, owner)} for section, owner in sections().items()}


def plain(value: Any) -> Any:
    """A setting's value as TOML knows it; a secret only says whether there is one."""
    if isinstance(value, SecretStr):
        return "[redacted]" if value.get_secret_value() else ""
    if isinstance(value, Path):
        return str(value)
    if value is None:
        return ""
    return list(value) if isinstance(value, tuple) else value
