"""The log of a cluster's only member is damaged: nothing is lost without an operator who names exactly what."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from quorate_node.replica.lone_damage import FLAG
from tests.cluster.harness.api import Refused
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.disk import damage_entry
from tests.cluster.harness.member import PROGRAM, Member

KEYS = 60
MIDDLE_KEY = b"k/030"
TIMEOUT_S = 30.0

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(params=["file", "rocksdb"])
def settings(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    return {"store": {"log_backend": request.param, "log_segment_bytes": 1 << 20}}


async def damaged(cluster: ClusterUnderTest) -> Member:
    """The only member of a cluster with `KEYS` keys, killed, with a bit turned over in the middle of its log."""
    await cluster.start()
    (member,) = cluster.members
    for number in range(KEYS):
        await cluster.api.put(member.url, f"k/{number:03d}", f"v{number}")
    await member.kill()
    damage_entry(member.data, MIDDLE_KEY)
    return member


def health(member: Member, what: str) -> tuple[int, str]:
    """(status, reason)."""
    try:
        with urllib.request.urlopen(f"{member.url}/health/{what}", timeout=2.0) as answer:
            return answer.status, json.load(answer)["reason"]
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)["reason"]


async def shown_index(cluster: ClusterUnderTest, member: Member) -> int:
    """What the member itself says: it is damaged, from where, and with which words."""

    async def says_so() -> bool:
        return bool((await cluster.api.status(member.url))["role"] == "damaged")

    await cluster.until(says_so, "a member that says it is damaged")
    status = await cluster.api.status(member.url)
    code, reason = health(member, "ready")
    assert code == 503 and reason.startswith("the member is damaged: log entr")
    assert any(reason.removeprefix("the member is damaged: ") in error for error in status["errors"])
    assert health(member, "live")[0] == health(member, "startup")[0] == 200, "to start it again would not help"
    found = re.search(rf"entr(?:y|ies) (\d+).* damaged .* give up entry (\d+) and everything behind it, .*{FLAG} (\d+)$", reason)
    assert found is not None, reason
    assert found[1] == found[2] == found[3]
    with pytest.raises(Refused, match=r"NotReady: log entr.* damaged"):
        await cluster.api.put(member.url, "k", "v")
    return int(found[1])


async def ended(member: Member) -> int:
    assert member.process is not None
    return await asyncio.wait_for(member.process.wait(), TIMEOUT_S)


async def test_a_damaged_only_member_says_what_is_lost_and_cuts_only_where_it_is_told_exactly(
    settings: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    async with ClusterUnderTest(tmp_path, 1, settings=settings) as cluster:
        member = await damaged(cluster)
        await member.start()
        index = await shown_index(cluster, member)
        assert await member.stop() == 0
        await member.start(flags=[FLAG, str(index + 1)])
        assert await ended(member) == 2
        assert f"{FLAG} names {index + 1}, and the damage begins at {index}: log entr" in member.log_path.read_text()
        await member.start(flags=[FLAG, str(index)])
        await member.wait_ready()
        _, kept = await cluster.api.scan(member.url, "k/")
        assert 0 < len(kept) < KEYS
        assert kept == {f"k/{number:03d}": f"v{number}" for number in range(len(kept))}, "all before the damage, and nothing behind it"
        await cluster.api.put(member.url, "after", "v")
        await member.kill()
        await member.start(flags=[FLAG, str(index)])
        await member.wait_ready()
        assert (await cluster.api.get(member.url, "after")).value == "v"
        assert f"nothing is damaged: {FLAG} is not needed, leave it out" in member.log_path.read_text()
        assert (await cluster.api.status(member.url))["errors"] == []


async def test_damage_that_the_state_has_outlived_needs_nobody(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 1, settings={"store": {"log_backend": "file"}}) as cluster:
        member = await damaged_after_flush(cluster)
        await member.start()
        await member.wait_ready()
        _, found = await cluster.api.scan(member.url, "k/")
        assert len(found) == KEYS
        assert (await cluster.api.status(member.url))["errors"] == []


async def damaged_after_flush(cluster: ClusterUnderTest) -> Member:
    """As `damaged`, but stopped in order first, which flushes the state."""
    await cluster.start()
    (member,) = cluster.members
    for number in range(KEYS):
        await cluster.api.put(member.url, f"k/{number:03d}", f"v{number}")
    await member.stop()
    damage_entry(member.data, MIDDLE_KEY)
    return member


async def test_a_member_with_peers_refuses_to_forget(settings: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 3, settings=settings) as cluster:
        await cluster.start()
        member = (await cluster.followers())[0]
        for number in range(KEYS):
            await cluster.api.put((await cluster.leader()).url, f"k/{number:03d}", f"v{number}")
        await member.kill()
        damage_entry(member.data, MIDDLE_KEY)
        await member.start(flags=[FLAG, "7"])
        assert await ended(member) == 2
        assert f"{FLAG} is for a cluster of one member; this one has others and is repaired from them" in member.log_path.read_text()
        await member.start()
        await member.wait_ready()
        await cluster.wait_equal()


def test_the_flags_help_says_what_will_be_lost() -> None:
    told = subprocess.run([str(PROGRAM), "--help"], capture_output=True, text=True, check=True).stdout
    assert "THE ENTRY AT INDEX AND ALL BEHIND IT ARE LOST FOR GOOD" in " ".join(told.split())
