"""docs/failure-modes.md explains every reason that the operator's code can give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[4]
OPERATOR = REPOSITORY / "operator" / "quorate_operator"
PAGE = (REPOSITORY / "docs" / "failure-modes.md").read_text(encoding="utf-8")
OTHER_PROGRAMS = ("plugin", "documents")
NEVER_SHOWN = frozenset({"Changing"})
"""Failures after which the operator only looks again."""
PROGRAM_ENDS = frozenset({"PortTaken"})
"""Reasons that end the operator's process before it could say them of any cluster."""


@cache
def code() -> tuple[ast.AST, ...]:
    """Every node of all of the operator's own code."""
    paths = [path for path in sorted(OPERATOR.rglob("*.py")) if path.relative_to(OPERATOR).parts[0] not in OTHER_PROGRAMS]
    return tuple(node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Name of what is called, and the call."""
    for node in code():
        if isinstance(node, ast.Call):
            func = node.func
            yield func.id if isinstance(func, ast.Name) else func.attr if isinstance(func, ast.Attribute) else "", node


@cache
def failures() -> frozenset[str]:
    """`Failure` and all classes below it."""
    found = {"Failure"}
    while True:
        more = {
            node.name
            for node in code()
            if isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id in found for base in node.bases)
        }
        if more <= found:
            return frozenset(found - NEVER_SHOWN)
        found |= more


def words(node: ast.expr) -> Iterator[str]:
    """Constants in an argument, also in both branches of a conditional one."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from words(node.body)
        yield from words(node.orelse)


def reasons() -> tuple[set[str], set[str]]:
    """All, and those that may make a cluster Degraded."""
    found: set[str] = {"AsSpecified"}
    degraded: set[str] = set()
    for name, call in calls():
        if name == "Wait" and call.args:
            said = set(words(call.args[0]))
            found |= said
            flag = next((each.value for each in call.keywords if each.arg == "degraded"), None)
            if flag is not None and not (isinstance(flag, ast.Constant) and flag.value is False):
                degraded |= said
        elif name == "Do" and len(call.args) > 1:
            found |= set(words(call.args[1]))
        elif name == "_condition" and len(call.args) > 3:
            found |= set(words(call.args[3]))
            if "Degraded" in set(words(call.args[1])) and isinstance(call.args[2], ast.Constant) and call.args[2].value is True:
                degraded |= set(words(call.args[3]))
        elif name in failures() and call.args:
            said = {word for word in words(call.args[0]) if re.fullmatch(r"([A-Z][a-z]+)+", word)} - PROGRAM_ENDS
            found |= said
            # A member that does not answer is asked again; what else cannot be done, a person should know.
            degraded |= said if name != "MemberFailure" else set()
        elif name == "__init__" and call.args:
            said = {word for word in words(call.args[0]) if re.fullmatch(r"([A-Z][a-z]+){2,}", word)}
            found |= said
            degraded |= said
    return found, degraded


def section(title: str) -> str:
    return PAGE.split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]


def explained(text: str) -> list[str]:
    """The reasons that begin the rows of tables."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return [word for row in rows for word in re.findall(r"`([A-Za-z]+)`", row.split("|")[1])]


def test_every_reason_is_explained_and_none_that_is_not() -> None:
    assert set(explained(PAGE)) == reasons()[0]


def test_each_is_explained_once() -> None:
    assert len(explained(PAGE)) == len(set(explained(PAGE)))


def test_what_degrades_a_cluster_is_in_that_section_with_a_remedy() -> None:
    text = section("Degraded")
    assert set(explained(text)) == reasons()[1]
    for row in text.splitlines():
        if row.startswith("| `"):
            assert len([cell for cell in row.split("|") if cell.strip()]) == 3, row


def test_reasons_are_found_at_all() -> None:
    found, degraded = reasons()
    assert {"Serving", "NoQuorum", "Paused", "Promoting", "NameTaken", "SecretMissing"} <= found
    assert {"DataLost", "QuorumInOnePlace", "NameTaken"} <= degraded and "Promoting" not in degraded
