"""After the faults: do all members tell the same history, and is what the clients saw linearizable?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from quorate_node.simulator.checkers import wording
from quorate_node.simulator.checkers.finding import Verdict, Violated
from quorate_node.simulator.checkers.verdict import judge as judge_history
from quorate_node.simulator.history import Change, History, Operation, save
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.clients import PREFIX
from tests.cluster.harness.cluster import ClusterUnderTest

LAST = f"{PREFIX}~last"


async def judge(cluster: ClusterUnderTest, operations: Sequence[Operation], directory: Path, *, judged_min: int = 200) -> list[Change]:
    """Raises `Violated` when an acknowledged write was lost or applied twice, a refused one took effect, a read was stale, or
    members differ. `judged_min`: a history shorter than that shows nothing, and fails too.
    """
    history = History(list(operations), prefix=PREFIX.encode())
    save(history, directory / "history.msgpack")
    last_revision = await _write_the_last(cluster)
    await cluster.wait_equal()
    told = [await cluster.api.changes(member.url, PREFIX, last_revision) for member in cluster.members if member.running]
    for member, changes in zip([member for member in cluster.members if member.running], told, strict=True):
        if changes != told[0]:
            raise Violated(f"{member.name} tells another history than the first member: {_difference(told[0], changes)}")
    history.changes = [change for change in told[0] if change.key != LAST.encode()]
    save(history, directory / "history.msgpack")
    report = judge_history(history)
    report.raise_if_violated()
    undecided = [finding.property for finding in report.findings if finding.verdict is Verdict.UNDECIDED]
    assert not undecided, report.render()
    judged = report.judged("linearizable")
    assert judged >= judged_min, f"only {judged} operations succeeded, {judged_min} are needed for a verdict: the faults left no time"
    await _newest_values_agree(cluster, history.changes)
    return history.changes


async def _write_the_last(cluster: ClusterUnderTest) -> int:
    for _ in range(100):
        try:
            leader = await cluster.leader()
            return await cluster.api.put(leader.url, LAST, "last")
        except (Refused, Unknown):
            await asyncio.sleep(0.1)
    raise AssertionError("no write was accepted after the faults were over")


async def _newest_values_agree(cluster: ClusterUnderTest, changes: Sequence[Change]) -> None:
    newest = {change.key.decode(): change.value for change in changes}
    expected = {key: value.decode() for key, value in newest.items() if value is not None}
    for member in cluster.members:
        if member.running:
            _, found = await cluster.api.scan(member.url, PREFIX)
            found.pop(LAST, None)
            assert found == expected, f"{member.name} reads other values than its history tells"


def _difference(first: Sequence[Change], second: Sequence[Change]) -> str:
    for left, right in zip(first, second, strict=False):
        if left != right:
            return f"{wording.change(left)} against {wording.change(right)}"
    return f"{len(first)} changes against {len(second)}"
