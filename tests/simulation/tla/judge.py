"""TLC over one trace: etcd's specification unmodified, the modules that it needs beside it, and what it says."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import msgspec

MODULES = Path(__file__).resolve().parent / "modules"
SPECIFICATION = "Traceetcdraft"
STACK = "-Xss256m"
"""A sequence is folded by recursion as deep as it is long."""
MATCHED = '<<"Progress %:", 100>>'
SOUND = "No error has been found"


class CannotRun(Exception):
    """Java, TLC or the specification is not what it has to be; the text says what to do."""


class Judged(msgspec.Struct, frozen=True):
    accepted: bool
    said: str
    """The end of what TLC printed."""


def judge(trace: Path, tools: Path, specification: Path, timeout_s: float) -> Judged:
    """Whether the specification has a behaviour that is this trace, and keeps its invariants all along. Raises `CannotRun`."""
    with tempfile.TemporaryDirectory(prefix="quorate-tla-") as place:
        root = Path(place)
        for module in [*specification.glob("*.tla"), *MODULES.glob("*.tla")]:
            shutil.copyfile(module, root / module.name)
        (root / "Json.tla").write_text(json_module(trace), encoding="utf-8")
        settings = (specification / f"{SPECIFICATION}.cfg").read_text(encoding="utf-8")
        (root / "judge.cfg").write_text(f"{settings}\nCONSTANT\n    TLCGet <- ThisTLCGet\n", encoding="utf-8")
        command = ["java", STACK, "-XX:+UseSerialGC", "-cp", str(tools.resolve()), "tlc2.TLC", "-config", "judge.cfg", "-workers", "1"]
        command += ["-lncheck", "final", "-nowarning", "-metadir", str(root / "states"), f"{SPECIFICATION}.tla"]
        try:
            done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=timeout_s)
        except FileNotFoundError as error:
            raise CannotRun("java is not there: install a Java runtime, 11 or newer") from error
        except subprocess.TimeoutExpired as late:
            raise CannotRun(f"TLC was not done with {trace} in {timeout_s:g} s: give it more with --minutes, or a shorter trace") from late
    said = done.stdout + done.stderr
    if "Starting..." not in said:
        raise CannotRun(f"TLC did not start on {trace}:\n{said[-2_000:]}")
    return Judged(MATCHED in said and SOUND in said, said[-2_000:])


def json_module(trace: Path) -> str:
    """The community modules' `Json` for this one trace, as a literal: TLC then needs no Java class to read it."""
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    events = ",\n".join(literal({"tag": line["tag"], "event": line["event"]}) for line in lines if line.get("tag") == "trace")
    return f"---- MODULE Json ----\nndJsonDeserialize(file) == <<\n{events}\n>>\n====\n"


def literal(value: Any) -> str:
    """A JSON value in TLA+; an empty object is the function without arguments, which is the empty sequence."""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        assert '"' not in value and "\\" not in value, f"{value!r} would have to be escaped"
        return f'"{value}"'
    if isinstance(value, list):
        return f"<<{', '.join(map(literal, value))}>>"
    assert isinstance(value, dict), f"{value!r} is no JSON value of a trace"
    return f"[{', '.join(f'{name} |-> {literal(inner)}' for name, inner in value.items())}]" if value else "<<>>"
