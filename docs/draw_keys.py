"""Draws docs/keys.md's diagram and tables from what the code runs by.

`python -m docs.draw_keys` rewrites what stands between the markers; a test holds it equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from quorate_node.crypto.epochs import errors
from quorate_node.crypto.epochs.errors import EpochsError
from quorate_node.crypto.epochs.lifecycle import TRANSITIONS, GroupState
from quorate_node.crypto.epochs.opened import RecoveryReason

DOCUMENT = Path(__file__).with_name("keys.md")
_BLOCK = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def lifecycle() -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {GroupState.CREATION}"]
    for (source, event), target in TRANSITIONS.items():
        lines.append(f"    {source} --> {target}: {event}")
    return "\n".join([*lines, "```", ""])


def refusals() -> str:
    lines = ["| family | error |", "|---|---|"]
    for family in EpochsError.__subclasses__():
        kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, family)]
        names = [kind.__name__ for kind in kinds if kind is not family]
        lines.append(f"| `{family.__name__}` | {', '.join(f'`{name}`' for name in names) or 'itself'} |")
    return "\n".join([*lines, ""])


def reasons() -> str:
    return "\n".join([*(f"* {reason}" for reason in RecoveryReason), ""])


DRAWINGS: dict[str, Callable[[], str]] = {"lifecycle": lifecycle, "refusals": refusals, "reasons": reasons}


def drawn(text: str) -> str:
    """`text` with every marked block drawn anew."""
    return _BLOCK.sub(lambda block: block[1] + DRAWINGS[block[2]]() + block[3], text)


def main() -> None:
    DOCUMENT.write_text(drawn(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
