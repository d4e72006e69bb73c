"""etcd's golden files for changes of membership: simple and joint, with learners."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.protocol.raft.changer import ChangeError, Changer
from quorate_node.protocol.raft.tracker import Tracker
from tests.conformance.raft import datadriven, vectors
from tests.conformance.raft.datadriven import Directive
from tests.conformance.raft.directives import Refused, parse_changes


def _run(tracker: Tracker, last_index: int, directive: Directive) -> str:
    changer = Changer(tracker, last_index)
    try:
        changes = parse_changes(directive.body)
        if directive.command == "simple":
            result = changer.simple(changes)
        elif directive.command == "enter-joint":
            named = {argument.key: argument.values for argument in directive.arguments}
            result = changer.enter_joint(named.get("autoleave", ("false",))[0] == "true", changes)
        elif directive.command == "leave-joint":
            if changes:
                return "this command takes no input\n"
            result = changer.leave_joint()
        else:
            return "unknown command"
    except (ChangeError, Refused) as refused:
        return f"{refused}\n"
    tracker.install(*result)
    return "".join(f"{line}\n" for line in [tracker.members, *(f"{member}: {known}" for member, known in tracker.progress.items())])


@pytest.mark.parametrize("path", vectors.files("confchange"))
def test_trace_is_reproduced(path: Path) -> None:
    tracker = Tracker(10, 0)
    for last_index, directive in enumerate(datadriven.read(path)):
        actual = _run(tracker, last_index, directive)
        assert datadriven.same(actual, directive.expected), f"{directive.where}\n--- expected\n{directive.expected}--- actual\n{actual}"
