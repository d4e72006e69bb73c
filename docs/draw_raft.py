"""Draws docs/raft.md's diagrams and tables from the tables that Raft runs by.

`python -m docs.draw_raft` rewrites what stands between the markers; a test holds it equal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from quorate_node.protocol.message import MessageType
from quorate_node.protocol.raft.core import ROLE_CHANGES
from quorate_node.protocol.raft.dispatch import RULES
from quorate_node.protocol.raft.progress import PROGRESS_TRANSITIONS
from quorate_node.protocol.ready import Role

DOCUMENT = Path(__file__).with_name("raft.md")
_BLOCK = re.compile(r"(<!-- drawn: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def roles() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> FOLLOWER"]
    for (source, target), reason in ROLE_CHANGES.items():
        lines.append(f"    {source.name} --> {target.name}: {reason}")
    return "\n".join([*lines, "```", ""])


def progress() -> str:
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> PROBE"]
    for (source, event), target in PROGRESS_TRANSITIONS.items():
        lines.append(f"    {source.name} --> {target.name}: {event.value}")
    return "\n".join([*lines, "```", ""])


def rules() -> str:
    columns = (Role.FOLLOWER, Role.PRE_CANDIDATE, Role.CANDIDATE, Role.LEADER)
    lines = ["| message | " + " | ".join(role.name for role in columns) + " |", "|---|" + "---|" * len(columns)]
    for kind in MessageType:
        names = [_rule(RULES[role].get(kind)) for role in columns]
        if any(names):
            lines.append(f"| {kind.name} | " + " | ".join(names) + " |")
    return "\n".join([*lines, ""])


def _rule(handler: Callable[..., None] | None) -> str:
    return "" if handler is None else f"`{handler.__module__.rsplit('.', 1)[1]}.{handler.__name__}`"


DRAWINGS: dict[str, Callable[[], str]] = {"roles": roles, "progress": progress, "rules": rules}


def drawn(text: str) -> str:
    """`text` with every marked block drawn anew."""
    return _BLOCK.sub(lambda block: block[1] + DRAWINGS[block[2]]() + block[3], text)


def main() -> None:
    DOCUMENT.write_text(drawn(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
