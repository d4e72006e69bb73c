"""A process that did not ask for failpoints has none: not the calls, not the registry, not the endpoint."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys
from pathlib import Path

import pytest

from quorate_node.failpoints.loader import MARK, rewrite

PACKAGE = Path(__file__).resolve().parents[3] / "node" / "quorate_node"
MARKED = sorted(
    path for path in PACKAGE.rglob("*.py") if MARK in path.read_text(encoding="utf-8") and path.parent.name not in ("failpoints", "places")
)
PLAIN = {key: value for key, value in os.environ.items() if not key.startswith("QUORATE_FAILPOINTS")}
LOOK = """
import sys, quorate_node.main
print(sorted(name for name in sys.modules if name.startswith("quorate_node.failpoints")))
print(sorted(name for name, module in list(sys.modules.items()) if "__failpoint__" in vars(module)))
print([type(finder).__module__ for finder in sys.meta_path if "quorate_node" in type(finder).__module__])
"""


def _run(program: str, **environment: str) -> list[str]:
    ended = subprocess.run([sys.executable, "-c", program], env={**PLAIN, **environment}, capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


@pytest.mark.parametrize("path", MARKED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_without_them_the_bytecode_is_that_of_a_source_that_never_had_one(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    # An empty comment in place of each, so that every other line keeps its number.
    never = "\n".join("#" if line.lstrip().startswith(MARK) else line for line in source.split("\n"))
    assert marshal.dumps(compile(source, "x", "exec")) == marshal.dumps(compile(never, "x", "exec"))
    assert marshal.dumps(compile(rewrite(source), "x", "exec")) != marshal.dumps(compile(never, "x", "exec"))


def test_a_process_that_did_not_ask_knows_nothing_of_them() -> None:
    assert _run(LOOK) == ["[]", "[]", "[]"]


def test_a_process_that_did_ask_has_them_everywhere() -> None:
    known, called, finders = _run(LOOK, QUORATE_FAILPOINTS="")
    assert "quorate_node.failpoints.registry" in known and "quorate_node.replica.engine" in called
    assert finders == "['quorate_node.failpoints.loader']"
    assert "quorate_node.failpoints.endpoint" not in known, "the endpoint is imported only when it is asked for"


def test_the_endpoints_variable_alone_opens_none(tmp_path: Path) -> None:
    """Not even a wrong address is looked at: without QUORATE_FAILPOINTS nobody reads it."""
    node = Path(sys.executable).parent / "quorate-node"
    data = str(tmp_path / "data")
    command = [str(node), "--name", "a", "--data-dir", data, "--check"]
    ended = subprocess.run(command, env={**PLAIN, "QUORATE_FAILPOINTS_LISTEN": "nonsense"}, capture_output=True, text=True)
    assert ended.returncode == 0 and "failpoint" not in ended.stdout + ended.stderr
