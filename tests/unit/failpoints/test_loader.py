"""Comments become calls, on their own lines; what looks like one and is none is an error, not a silent nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

from quorate_node.failpoints import FailpointMisuse
from quorate_node.failpoints.loader import Marker, markers, rewrite

SOURCE = """
def plain(x):
    # failpoint: a.b
    return x

async def awaited(x):
    for y in x:
        # failpoint: a.b_c.d, awaited, or continue
        yield y

def left(x):
    # failpoint: a.b, or return None
    return x
"""


def test_each_marker_becomes_one_line() -> None:
    assert rewrite(SOURCE).split("\n") == [
        "",
        "def plain(x):",
        '    __failpoint__("a.b")',
        "    return x",
        "",
        "async def awaited(x):",
        "    for y in x:",
        '        if await __failpoint_awaited__("a.b_c.d"): continue',
        "        yield y",
        "",
        "def left(x):",
        '    if __failpoint__("a.b"): return None',
        "    return x",
        "",
    ]
    assert markers(SOURCE, "x.py") == [Marker("a.b", 3, False, False), Marker("a.b_c.d", 8, True, True), Marker("a.b", 12, False, True)]


@pytest.mark.parametrize(
    "line", ["# failpoint: a.b", "    # failpoint:a.b", "    # failpoint: ab", "    # failpoint: A.b", "    # failpoint: a.b, or break",
             "    # failpoint: a.b, or return, awaited", "    # failpoint: a.b # why"]
)  # fmt: skip
def test_a_marker_that_cannot_be_read_names_its_place(line: str) -> None:
    with pytest.raises(FailpointMisuse, match=r"x.py:2: write `# failpoint: NAME"):
        markers(f"\n{line}\n", "x.py")


def test_to_instrument_too_late_is_an_error() -> None:
    program = "import quorate_node.store.hard_state\nfrom quorate_node.failpoints import instrument\ninstrument()"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1 and "imported before instrument() was called: quorate_node.store" in ended.stderr
