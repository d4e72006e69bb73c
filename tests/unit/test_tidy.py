"""The style of the house as a test: what a reader should be able to count on in every file."""

from __future__ import annotations

import ast
import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LINES_PER_FILE_MAX = 400
LINES_PER_FUNCTION_MAX = 70
COLUMNS_MAX = 140

LONGER_FILES: dict[str, str] = {}
"""Files over the limit, each with the reason why it is better whole. A reason for a file that is within the limit is refused."""

LONGER_FUNCTIONS: dict[str, str] = {}
"""`path::qualified name` of functions over the limit, each with its reason."""

PURE_ROOMS = (
    "node/quorate_node/protocol",
    "node/quorate_node/crypto",
    "client/quorate/wire",
    "operator/quorate_operator/api",
    "operator/quorate_operator/objects",
    "operator/quorate_operator/decide",
)
PURE_MODULES = frozenset(
    "__future__ abc base64 binascii bisect collections collections.abc copy dataclasses enum functools hashlib heapq hmac itertools math"
    " fractions msgspec operator pydantic re struct types typing zlib cryptography nacl".split()
)
"""All that a pure room may import beside our own rooms: a list of what is allowed, so that nobody has to think of every clock."""
IMPURE_BUILTINS = frozenset({"open", "input", "print", "exec", "eval", "__import__", "breakpoint", "id", "hash"})
"""`id` and `hash` differ from process to process, and so would what depends on them."""

MARKERS = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "W" + "IP")) + r")\b|\bfor now\b|not implemented yet", re.IGNORECASE
)
PRAGMA = re.compile(r"\s*# (?:type: ignore|noqa)\S*.*$")
"""A word to a tool at a line's end: it cannot be wrapped, and nobody reads the line for it."""
MACHINE_PATHS = re.compile(r"/(?:work|home|root|Users)/[\w.-]+")
REGISTRY_HOSTS = re.compile(r"--(?:extra-)?index-url|(?:index|extra-index)-url\s*=")


@cache
def tracked_files() -> tuple[str, ...]:
    """What git knows, and what it would take: a file that is not yet added is judged too."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return tuple(sorted(name for name in set(listing) if name and (REPOSITORY / name).is_file()))


def python_files(*roots: str) -> list[str]:
    below = tuple(f"{root}/" for root in roots)
    return [name for name in tracked_files() if name.endswith(".py") and (not roots or name.startswith(below))]


@cache
def source(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


@cache
def tree(name: str) -> ast.Module:
    return ast.parse(source(name), name)


def functions(node: ast.AST, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + child.name, child
            yield from functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from functions(child, f"{prefix}{child.name}.")
        else:
            yield from functions(child, prefix)


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    longer = {name: source(name).count("\n") for name in python_files() if source(name).count("\n") > LINES_PER_FILE_MAX}
    assert {name: lines for name, lines in longer.items() if name not in LONGER_FILES} == {}
    assert set(LONGER_FILES) <= set(longer), "a reason is given for a file that is not too long"


def test_every_function_fits_a_screen() -> None:
    longer = {
        f"{name}::{function}": (node.end_lineno or node.lineno) - node.lineno + 1
        for name in python_files()
        for function, node in functions(tree(name))
        if (node.end_lineno or node.lineno) - node.lineno + 1 > LINES_PER_FUNCTION_MAX
    }
    assert {name: lines for name, lines in longer.items() if name not in LONGER_FUNCTIONS} == {}
    assert set(LONGER_FUNCTIONS) <= set(longer), "a reason is given for a function that is not too long"


def test_no_line_runs_out_of_the_window() -> None:
    long = [
        f"{name}:{number}"
        for name in python_files()
        for number, line in enumerate(source(name).split("\n"), 1)
        if len(PRAGMA.sub("", line)) > COLUMNS_MAX
    ]
    assert long == []


def test_every_file_of_the_programs_says_what_it_is() -> None:
    silent = [name for name in python_files("client", "node", "operator") if source(name).strip() and not ast.get_docstring(tree(name))]
    assert silent == []


def swallows(handler: ast.ExceptHandler) -> bool:
    """True for a handler that drops its exception and says nothing: `pass`, `...`, or `continue` alone under a broad name."""
    body = handler.body
    if len(body) != 1:
        return False
    only = body[0]
    broad = handler.type is None or (isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"})
    empty = isinstance(only, ast.Pass) or (isinstance(only, ast.Expr) and isinstance(only.value, ast.Constant))
    return empty or (broad and isinstance(only, ast.Continue))


def test_no_exception_is_swallowed() -> None:
    """`contextlib.suppress` names what may be ignored; an `except` that passes hides it."""
    found = [
        f"{name}:{node.lineno}"
        for name in python_files()
        for node in ast.walk(tree(name))
        if isinstance(node, ast.ExceptHandler) and (swallows(node) or node.type is None)
    ]
    assert found == []


def test_suppress_is_never_broad() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name in python_files("client", "node", "operator")
        for node in ast.walk(tree(name))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and (node.func.id if isinstance(node.func, ast.Name) else node.func.attr) == "suppress"
        and any(isinstance(argument, ast.Name) and argument.id in {"Exception", "BaseException"} for argument in node.args)
    ]
    assert found == []


def test_nothing_is_left_for_later() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in tracked_files()
        if name.endswith((".py", ".md", ".toml", ".sh", "Makefile")) and name != "tests/unit/test_tidy.py"
        for number, line in enumerate(source(name).split("\n"), 1)
        if MARKERS.search(line)
    ]
    assert found == []


def test_no_path_of_one_machine_and_no_registry_is_named() -> None:
    found = [
        f"{name}:{number}: {line.strip()}"
        for name in tracked_files()
        if name.endswith((".py", ".md", ".toml", ".sh", ".lock", "Makefile", "run")) and name != "tests/unit/test_tidy.py"
        for number, line in enumerate(source(name).split("\n"), 1)
        if MACHINE_PATHS.search(line) or REGISTRY_HOSTS.search(line)
    ]
    assert found == []


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        return [node.module or ""]
    return []


@pytest.mark.parametrize("room", PURE_ROOMS)
def test_pure_rooms_have_no_clock_no_io_and_no_randomness(room: str) -> None:
    """Time arrives as `tick()`, randomness as an argument: else the simulator could not replay a run from its seed."""
    found = []
    for name in python_files(room):
        for node in ast.walk(tree(name)):
            for module in imported(node):
                top = module.split(".")[0]
                if top not in PURE_MODULES and module not in PURE_MODULES and top not in {"quorate", "quorate_node", "quorate_operator"}:
                    found.append(f"{name}:{getattr(node, 'lineno', 0)}: imports {module}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_BUILTINS:
                found.append(f"{name}:{node.lineno}: calls {node.func.id}()")
            if isinstance(node, ast.AsyncFunctionDef | ast.Await):
                found.append(f"{name}:{node.lineno}: is a coroutine")
    assert found == []


def test_no_code_is_commented_out() -> None:
    keywords = "def|class|return|import|from|await|raise|assert|elif|for|while|with|try"
    statement = re.compile(rf"#\s*(?:(?:{keywords})\b.*[:)]\s*$|self\.\w+(?:\.\w+)* = )")
    found = []
    for name in python_files():
        with (REPOSITORY / name).open("rb") as file:
            for token in tokenize.tokenize(file.readline):
                if token.type == tokenize.COMMENT and statement.match(token.string):
                    found.append(f"{name}:{token.start[0]}: {token.string}")
    assert found == []


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "misc", "common"}
    assert [name for name in python_files("client", "node", "operator") if set(Path(name).with_suffix("").parts) & drawers] == []


def headings(text: str) -> list[tuple[int, str]]:
    """(level, title) of a Markdown text's headings, code blocks left out."""
    fenced = False
    found = []
    for line in text.split("\n"):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and (match := re.match(r"(#+)\s+(.*)", line)):
            found.append((len(match[1]), match[2]))
    return found


@pytest.mark.parametrize("name", [name for name in tracked_files() if name.endswith(".md")])
def test_a_document_has_one_title_and_no_gaps_between_its_levels(name: str) -> None:
    levels = [level for level, _ in headings(source(name))]
    assert levels[:1] == [1], "begins with its title"
    assert levels.count(1) == 1, "has one title"
    assert all(after <= before + 1 for before, after in pairwise(levels)), "skips no level"


@pytest.mark.parametrize("name", [name for name in tracked_files() if name.endswith(".md")])
def test_a_documents_links_lead_somewhere(name: str) -> None:
    missing = [
        target
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", source(name))
        if "://" not in target and not target.startswith("mailto:") and not (REPOSITORY / Path(name).parent / target).exists()
    ]
    assert missing == []
