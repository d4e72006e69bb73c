"""Turns the comments that name failpoints into calls while a module is loaded, line for line: tracebacks and coverage stay right.

Why comments. A flag that is asked at each place costs three nanoseconds and a branch that no test of the production program ever
takes; `if __debug__` would cost nothing but only under `-O`, which drops the assertions that must stay on. A comment compiles to
nothing at all, which a test shows by comparing bytecode. The price is this loader, which runs only where failpoints were asked for.

    # failpoint: NAME                       __failpoint__("NAME")
    # failpoint: NAME, awaited              await __failpoint_awaited__("NAME")
    # failpoint: NAME, or return False      if __failpoint__("NAME"): return False
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, NamedTuple

from quorate_node.failpoints.errors import FailpointMisuse
from quorate_node.failpoints.registry import reached, reached_awaited

PACKAGE = "quorate_node"
OWN = f"{PACKAGE}.failpoints"
MARK = "# failpoint:"
_LINE = re.compile(
    rf"^(?P<indent>[ ]+){MARK} (?P<name>[a-z_]+(?:\.[a-z_]+)+)(?P<awaited>, awaited)?"
    r"(?:, or (?P<leave>return(?: (?:None|True|False))?|continue))?$",
    re.MULTILINE,
)


class Marker(NamedTuple):
    name: str
    line: int
    awaited: bool
    skip: bool
    """The place can be left out: the marker says how to leave it."""


def markers(source: str, path: str) -> list[Marker]:
    """The failpoints of one file. Raises `FailpointMisuse` for a comment that begins like one and cannot be read."""
    found = []
    for number, line in enumerate(source.split("\n"), 1):
        if not line.lstrip().startswith(MARK):
            continue
        match = _LINE.match(line)
        if match is None:
            raise FailpointMisuse(f"{path}:{number}: write `{MARK} NAME[, awaited][, or return|continue]`, alone on its line in a function")
        found.append(Marker(match["name"], number, bool(match["awaited"]), bool(match["leave"])))
    return found


def rewrite(source: str) -> str:
    """The source with calls in place of its markers, each on the marker's own line."""

    def call(match: re.Match[str]) -> str:
        function = "await __failpoint_awaited__" if match["awaited"] else "__failpoint__"
        made = f'{function}("{match["name"]}")'
        return match["indent"] + (f"if {made}: {match['leave']}" if match["leave"] else made)

    return _LINE.sub(call, source)


class _Loader(SourceFileLoader):
    """Compiled anew each time: the cache holds the plain module, which other processes load."""

    def get_code(self, fullname: str) -> CodeType | None:
        source = self.get_data(self.path).decode("utf-8")
        markers(source, self.path)
        code = compile(rewrite(source), self.path, "exec", dont_inherit=True)
        assert isinstance(code, CodeType)
        return code

    def exec_module(self, module: ModuleType) -> None:
        names: dict[str, Any] = vars(module)
        names["__failpoint__"], names["__failpoint_awaited__"] = reached, reached_awaited
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if not fullname.startswith(f"{PACKAGE}.") or fullname.startswith(OWN):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.origin is None or type(spec.loader) is not SourceFileLoader:
            return None
        if MARK not in Path(spec.origin).read_text(encoding="utf-8"):
            return None
        spec.loader = _Loader(fullname, spec.origin)
        return spec


def instrument() -> None:
    """Have the failpoints of every module that is imported from now on; a second call does nothing. A place reached costs a function
    call then, and does nothing until a registry is in use.

    Raises `FailpointMisuse` when a module with failpoints was imported before: it would never reach any.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    late = sorted(name for name, module in list(sys.modules.items()) if name.startswith(f"{PACKAGE}.") and _has_marks(name, module))
    if late:
        raise FailpointMisuse(f"imported before instrument() was called: {', '.join(late)}; call it first")
    sys.meta_path.insert(0, _Finder())


def instrumented() -> bool:
    return any(isinstance(finder, _Finder) for finder in sys.meta_path)


def _has_marks(name: str, module: ModuleType) -> bool:
    path = getattr(module, "__file__", None)
    return bool(path) and not name.startswith(OWN) and MARK in Path(str(path)).read_text(encoding="utf-8")
