"""A first start or a join that dies between any two of its steps is done anew: one cluster, one identity, nobody left over."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest

from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.failpoints import PANICKED
from tests.cluster.harness.member import Member

pytestmark = pytest.mark.timeout(400)

FOUNDING = (
    "hard_state.save.before_sync",
    "segment.prepare.before_allocate",
    "segment.prepare.before_rename",
    "segment.prepare.before_directory_sync",
    "directory.open.after_boot_count",
    "directory.create.before_format",
    "log.reset.before_write",
    "log.write.before_commit",
    "bootstrap.after_reset_before_entry",
    "bootstrap.after_entry_before_identity",
    "identity.before_write",
    "state.switch.before_pointer",
    "state.switch.after_pointer",
    "record.write.before_sync",
    "record.write.before_rename",
    "record.write.before_directory_sync",
    "member.start.before_machine",
    "engine.before_membership",
)
JOINING = ("join.before_request", "join.after_answer", "identity.before_write", "join.after_identity", "member.start.after_machine")
SNAPSHOT = (
    "snapshot.chunk.before_rename",
    "snapshot.install.before_meta",
    "snapshot.install.prepared",
    "snapshot.install.before_switch",
    "snapshot.install.after_switch_before_log",
)


def alone(member: Member) -> Member:
    """It lists no peer: one that were listed and silent might hold the cluster already, and nothing would be founded."""
    member.settings["discovery"]["peers"] = []
    return member


async def dies_at(member: Member, place: str, token: str = "", times: str = "") -> None:
    await member.start(token=token, environment={"QUORATE_FAILPOINTS": f"{place}={times}panic"})
    assert member.process is not None
    status = await asyncio.wait_for(member.process.wait(), 60.0)
    assert status == PANICKED, f"{place} was not what ended it: {status}\n{member.log_tail()}"


@pytest.mark.parametrize("place", FOUNDING)
async def test_a_founder_that_dies_founds_again_under_the_same_token(place: str, tmp_path: Path) -> None:
    token = secrets.token_hex(8)
    async with ClusterUnderTest(tmp_path, 1) as cluster:
        (member,) = cluster.members
        await dies_at(member, place, token)
        await member.start(token=token)
        await member.wait_ready()
        assert await cluster.api.put(member.url, "key", "value") > 0
        assert len((await cluster.ask("GET", "/v1/members"))["members"]) == 1


@pytest.mark.parametrize("place", JOINING)
async def test_a_joiner_that_dies_joins_once(place: str, tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 2) as cluster:
        founder, joiner = alone(cluster.members[0]), cluster.members[1]
        await founder.start(token=secrets.token_hex(8))
        await founder.wait_ready()
        await dies_at(joiner, place)
        await joiner.start()
        await cluster.wait_voters(2)
        members = (await cluster.ask("GET", "/v1/members"))["members"]
        assert sorted(member["name"] for member in members) == ["m0", "m1"]
        assert await cluster.api.put(joiner.url, "key", "value") > 0


async def test_a_leader_that_dies_before_it_answers_a_joiner_gives_the_same_identity_again(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 2) as cluster:
        founder, joiner = alone(cluster.members[0]), cluster.members[1]
        await founder.start(token=secrets.token_hex(8), environment={"QUORATE_FAILPOINTS": "join.serve.after_change=panic"})
        await founder.wait_ready()
        await joiner.start()
        assert founder.process is not None
        assert await asyncio.wait_for(founder.process.wait(), 60.0) == PANICKED
        await founder.start()
        await cluster.wait_voters(2)
        assert len((await cluster.ask("GET", "/v1/members"))["members"]) == 2


@pytest.mark.parametrize("place", SNAPSHOT)
async def test_a_member_that_dies_while_a_snapshot_is_installed_has_everything_afterwards(place: str, tmp_path: Path) -> None:
    settings = {"replica": {"compact_every_entries": 20, "log_keep_entries": 5, "compact_check_ms": 50}}
    async with ClusterUnderTest(tmp_path, 2, settings=settings) as cluster:
        founder, joiner = alone(cluster.members[0]), cluster.members[1]
        await founder.start(token=secrets.token_hex(8))
        await founder.wait_ready()
        for number in range(60):
            await cluster.api.put(founder.url, f"k{number}", "value")
        await cluster.until(lambda: _is_compacted(cluster, founder), "a compacted log")
        await dies_at(joiner, place)
        await joiner.start()
        await cluster.wait_voters(2)
        for number in range(60):
            assert (await cluster.api.get(joiner.url, f"k{number}")).value == "value"


async def _is_compacted(cluster: ClusterUnderTest, member: Member) -> bool:
    return int((await cluster.api.status(member.url))["first_index"]) > 20
