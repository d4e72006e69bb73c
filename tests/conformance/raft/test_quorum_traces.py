"""etcd's golden files for quorums: committed indexes and vote results, drawn and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.protocol.quorum import INFINITE_INDEX, VoteResult, joint_index, joint_vote, majority_index, majority_vote
from tests.conformance.raft import datadriven, vectors
from tests.conformance.raft.datadriven import Directive
from tests.conformance.raft.naive_quorum import naive_majority_index

_NAMES = {VoteResult.PENDING: "VotePending", VoteResult.LOST: "VoteLost", VoteResult.WON: "VoteWon"}


def _index(index: int) -> str:
    return "∞" if index == INFINITE_INDEX else str(index)


def describe(voters: set[int], acknowledged: dict[int, int]) -> str:
    """A bar a voter, as long as the number of voters behind it."""
    if not voters:
        return "<empty majority quorum>"
    count = len(voters)
    indexes = sorted(acknowledged.get(voter, 0) for voter in voters)
    bars = {voter: indexes.index(acknowledged.get(voter, 0)) for voter in voters}
    lines = [" " * count + "    idx\n"]
    for voter in sorted(voters):
        bar = "x" * bars[voter] + ">" + " " * (count - bars[voter]) if voter in acknowledged else "?" + " " * count
        lines.append(f"{bar} {acknowledged.get(voter, 0):5d}    (id={voter})\n")
    return "".join(lines)


def _assigned(values: list[int], ids: list[int]) -> dict[int, int]:
    """Values to voters in order of first appearance; 0 stands for "not known"."""
    distinct = list(dict.fromkeys(ids))
    return {voter: value for voter, value in zip(distinct, values, strict=True) if value}


def _committed(values: list[int], incoming: list[int], outgoing: list[int], joint: bool) -> str:
    known = _assigned(values, incoming + outgoing)
    first, second = set(incoming), set(outgoing)

    def acknowledged(voter: int) -> int:
        return known.get(voter, 0)

    if joint:
        index = joint_index(first, second, acknowledged)
        text = describe(first | second, known)
        if joint_index(second, first, acknowledged) != index:
            text += f"{_index(joint_index(second, first, acknowledged))} <-- via symmetry\n"
        return text + _index(index) + "\n"
    index = majority_index(first, acknowledged)
    text = describe(first, known)
    alternatives = {
        "alternative computation": naive_majority_index(first, known),
        "zero-joint quorum": joint_index(first, set(), acknowledged),
        "self-joint quorum": joint_index(first, first, acknowledged),
    }
    for name, other in alternatives.items():
        if other != index:
            text += f"{_index(other)} <-- via {name}\n"
    for voter in sorted(first):
        if index > acknowledged(voter) > 0:
            for lower in (acknowledged(voter) - 1, 0):
                lowered = known | {voter: lower}
                other = majority_index(first, lambda member, known=lowered: known.get(member, 0))  # type: ignore[misc]
                if other != index:
                    text += f"{_index(other)} <-- overlaying {voter}->{lower}"
    return text + _index(index) + "\n"


def _vote(values: list[int], incoming: list[int], outgoing: list[int], joint: bool) -> str:
    votes = {voter: value == 2 for voter, value in _assigned(values, incoming + outgoing).items()}
    first, second = set(incoming), set(outgoing)
    if not joint:
        return _NAMES[majority_vote(first, votes)] + "\n"
    result = joint_vote(first, second, votes)
    text = ""
    if joint_vote(second, first, votes) != result:
        text = f"{_NAMES[joint_vote(second, first, votes)]} <-- via symmetry\n"
    return text + _NAMES[result] + "\n"


def _run(directive: Directive) -> str:
    incoming: list[int] = []
    outgoing: list[int] = []
    values: list[int] = []
    joint = False
    for argument in directive.arguments:
        for value in argument.values:
            if argument.key == "cfg":
                incoming.append(int(value))
            elif argument.key == "cfgj":
                joint = True
                outgoing += [] if value == "zero" else [int(value)]
            elif argument.key == "idx":
                values.append(0 if value == "_" else int(value))
            else:
                assert argument.key == "votes", f"unknown argument {argument.key}"
                values.append({"_": 0, "n": 1, "y": 2}[value])
    voters = sorted({*incoming, *outgoing})
    if len(voters) != len(values):
        shown = "map[" + " ".join(f"{voter}:{{}}" for voter in voters) + "]"
        return f"error: mismatched input (explicit or _) for voters {shown}: [{' '.join(map(_index, values))}]"
    return {"committed": _committed, "vote": _vote}[directive.command](values, incoming, outgoing, joint)


@pytest.mark.parametrize("path", vectors.files("quorum"))
def test_trace_is_reproduced(path: Path) -> None:
    for directive in datadriven.read(path):
        actual = _run(directive)
        assert datadriven.same(actual, directive.expected), f"{directive.where}\n--- expected\n{directive.expected}--- actual\n{actual}"
