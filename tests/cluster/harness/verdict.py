"""After the faults: do all members tell the same history, and is what the clients saw linearizable?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.cluster.checker.history import NotLinearizable, Operation, Version, save
from tests.cluster.checker.revisions import check_revisions
from tests.cluster.checker.search import check_registers
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.clients import PREFIX
from tests.cluster.harness.cluster import ClusterUnderTest

LAST = f"{PREFIX}~last"


async def judge(cluster: ClusterUnderTest, operations: Sequence[Operation], directory: Path, *, judged_min: int = 200) -> list[Version]:
    """Raises `NotLinearizable` when an acknowledged write was lost or applied twice, a refused one took effect, a read was stale, or
    members differ. `judged_min`: a history shorter than that shows nothing, and fails too.
    """
    save(operations, directory / "history.jsonl")
    last_revision = await _write_the_last(cluster)
    await cluster.wait_equal()
    told = [await cluster.api.versions(member.url, PREFIX, last_revision) for member in cluster.members if member.running]
    for member, versions in zip([member for member in cluster.members if member.running], told, strict=True):
        if versions != told[0]:
            raise NotLinearizable(f"{member.name} tells another history than the first member: {_difference(told[0], versions)}")
    versions = [version for version in told[0] if version.key != LAST]
    judged = check_revisions(operations, versions)
    check_registers(operations)
    assert judged >= judged_min, f"only {judged} operations succeeded, {judged_min} are needed for a verdict: the faults left no time"
    await _newest_values_agree(cluster, versions)
    return versions


async def _write_the_last(cluster: ClusterUnderTest) -> int:
    for _ in range(100):
        try:
            leader = await cluster.leader()
            return await cluster.api.put(leader.url, LAST, "last")
        except (Refused, Unknown):
            await asyncio.sleep(0.1)
    raise AssertionError("no write was accepted after the faults were over")


async def _newest_values_agree(cluster: ClusterUnderTest, versions: Sequence[Version]) -> None:
    newest = {version.key: version.value for version in sorted(versions, key=lambda version: version.revision)}
    expected = {key: value for key, value in newest.items() if value is not None}
    for member in cluster.members:
        if member.running:
            _, found = await cluster.api.scan(member.url, PREFIX)
            found.pop(LAST, None)
            assert found == expected, f"{member.name} reads other values than its history tells"


def _difference(first: Sequence[Version], second: Sequence[Version]) -> str:
    for left, right in zip(first, second, strict=False):
        if left != right:
            return f"{left} against {right}"
    return f"{len(first)} changes against {len(second)}"
