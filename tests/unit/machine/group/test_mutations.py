"""Damaged entries: whatever bytes come, the verdict is acceptance or a refusal with a reason, never another exception."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from quorate.wire.commands import GroupCommit
from quorate_node.machine.group.checks import check_create, check_group_commit
from quorate_node.machine.group.refusal import GroupRefused
from quorate_node.machine.group.state import ReplicatedGroup, encode_group
from quorate_node.machine.rules import RULES
from tests.unit.machine.group.harness import Cluster, changed, created

MUTATIONS = 150
PUBLICLY_UNCHECKED = {"welcome", "commit", "proposals"}
"""A Welcome's ciphertext and membership tags are for members alone to check: whoever fails at them comes by itself."""


def damaged(data: bytes, draw: random.Random) -> bytes:
    at = draw.randrange(len(data))
    kind = draw.randrange(4)
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + draw.randbytes(draw.randint(1, 4)) + data[at:]
    if kind == 2:
        return data[:at] + data[at + draw.randint(1, 4) :]
    return data[:at] + bytes([data[at] ^ 1 << draw.randrange(8)]) + data[at + 1 :]


def judged(group: ReplicatedGroup | None, request: Any) -> ReplicatedGroup | None:
    """The group that `request` leads to; None where it is refused."""
    check: Any = check_group_commit if isinstance(request, GroupCommit) else check_create
    try:
        after: ReplicatedGroup = check(group, request, 100, {1, 2, 3, 4}, RULES[2]).after
    except GroupRefused:
        return None
    return after


@pytest.mark.parametrize("kind", ["create", "add", "rotate", "rejoin"])
def test_damage_is_refused_or_is_where_only_members_look(kind: str) -> None:
    draw = random.Random(kind)
    cluster: Cluster = created(1, 2, 3)
    cluster.configure(put=(4,))
    request: Any = {
        "create": lambda: cluster.create(1, 2, 3, 4),
        "add": lambda: cluster.commit(1, add=(4,)),
        "rotate": lambda: cluster.commit(1, updates=(2, 3)),
        "rejoin": lambda: cluster.rejoin(4),
    }[kind]()
    whole = judged(cluster.group, request)
    assert whole is not None
    fields = [name for name in ("commit", "group_info", "tree", "welcome", "proposals") if getattr(request, name, None)]
    verdicts: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        field = draw.choice(fields)
        value = getattr(request, field)
        if field == "proposals":
            at = draw.randrange(len(value))
            mutated = changed(request, proposals=(*value[:at], damaged(value[at], draw), *value[at + 1 :]))
        else:
            mutated = changed(request, **{field: damaged(value, draw)})
        after = judged(cluster.group, mutated)
        if mutated != request and after is not None:
            assert field in PUBLICLY_UNCHECKED, (field, mutated)
            assert encode_group(after) == encode_group(whole), "what was accepted is what was meant"
        verdicts["refused" if after is None else "accepted"] += 1
    assert verdicts["refused"] > MUTATIONS // 3
