"""Calls of operators over HTTP: what is retried, what must not be, and what the answers become."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from quorate import Cluster
from quorate.exceptions import (
    ConfigurationChanged,
    DeadlineExceeded,
    MalformedAnswer,
    MemberNotFound,
    NotLeader,
    NotReady,
    OutcomeUnknown,
    SnapshotDamaged,
    Unreachable,
)
from quorate.snapshot_file import MAGIC, verify_snapshot
from tests.unit.client.fake_member import FakeMember, problem_body
from tests.unit.client.fast_options import FAST

MEMBER = {
    "member_id": "9007199254740993",
    "name": "a",
    "role": "voter",
    "peer_url": "p",
    "client_url": "c",
    "priority": 0,
    "progress": None,
}


def snapshot_bytes(content: bytes = b"chunks") -> bytes:
    body = MAGIC + (1).to_bytes(2, "big") + (8).to_bytes(4, "big") + b"manifest" + content
    return body + hashlib.sha256(body).digest()


async def test_members(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [(200, {"cluster_id": "12", "configuration_index": "7", "members": [MEMBER], "new_field": 1})]
    found = await cluster.members()
    assert (found.cluster_id, found.configuration_index) == (12, 7)
    assert found.members[0].member_id == 9007199254740993
    assert found.members[0].progress is None


async def test_changes_of_members_say_what_they_expect(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [(200, {"member_id": "5"}), (200, {}), (200, {}), (200, {"member_id": "6"})]
    assert await cluster.member_add("http://p:1", name="n", expected_configuration_index=3) == 5
    await cluster.member_promote(5)
    await cluster.member_remove(5, expected_configuration_index=4)
    assert await cluster.member_replace(5, "http://p:2", name="m") == 6
    assert member.calls == [
        (
            "POST",
            "/v1/members",
            {"peer_url": "http://p:1", "name": "n", "witness": False, "priority": 0, "expected_configuration_index": "3"},
        ),
        ("POST", "/v1/members/5/promote", {}),
        ("DELETE", "/v1/members/5?expected_configuration_index=4", {}),
        ("POST", "/v1/members/5/replace", {"peer_url": "http://p:2", "name": "m"}),
    ]


async def test_leadership_and_status(cluster: Cluster, member: FakeMember) -> None:
    assert (await cluster.leader()).member_id == 1
    member.http_answers = [
        (200, {"member_id": "2", "client_url": "u"}),
        (200, {}),
        (200, {"member_id": "1", "role": "leader", "errors": ["NoSpace"]}),
    ]
    assert (await cluster.transfer(2)).client_url == "u"
    await cluster.step_down()
    status = await cluster.status(member.url)
    assert (status.role, status.errors, status.revision) == ("leader", ("NoSpace",), 0)
    assert member.calls[0] == ("POST", "/v1/leader/transfer", {"to": "2"})


async def test_leases_and_the_applications_log(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [
        (200, {"leases": [{"lease": "7", "ttl_ms": "5"}]}),
        (200, {"lease": "7", "ttl_ms": "5", "granted_ttl_ms": "9", "keys": ["YQ=="]}),
        (200, {"index": "44", "value": "b2s=", "rejected": True}),
        (200, {"cluster_id": "1", "member_id": "2"}),
    ]
    assert (await cluster.leases())[0].lease == 7
    assert (await cluster.lease_info(7, keys=True)).keys == (b"a",)
    result = await cluster.propose(b"do it")
    assert (result.index, result.value, result.rejected) == (44, b"ok", True)
    assert (await cluster.bootstrap("token")).cluster_id == 1
    assert member.calls[2] == ("POST", "/v1/propose", {"payload": "ZG8gaXQ="})


async def test_errors_are_raised_by_name(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [problem_body("MemberNotFound", "no member 5"), problem_body("ConfigurationChanged")]
    with pytest.raises(MemberNotFound, match="no member 5") as told:
        await cluster.member_promote(5)
    assert told.value.request_id == "r-1"
    with pytest.raises(ConfigurationChanged):
        await cluster.member_remove(5, expected_configuration_index=4)
    assert len(member.calls) == 2, "a conflict is the caller's to decide, not to be retried"


async def test_passing_failures_are_retried_elsewhere(members: list[FakeMember]) -> None:
    members[0].http_answers = [problem_body("NotReady")]
    for each in members[1:]:
        each.http_answers = [(200, {"cluster_id": "1", "configuration_index": "1", "members": []})]
    async with Cluster([each.url for each in members], options=FAST) as cluster:
        for _ in range(2):
            assert (await cluster.members()).cluster_id == 1


async def test_a_change_whose_answer_is_lost_is_not_repeated(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [(0, {}), (200, {"member_id": "5"})]
    with pytest.raises(OutcomeUnknown, match="may have been carried out"):
        await cluster.member_add("http://p:1")
    assert len(member.calls) == 1


async def test_a_change_of_unknown_outcome_is_not_repeated(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [problem_body("Timeout"), (200, {"member_id": "5"})]
    with pytest.raises(OutcomeUnknown):
        await cluster.member_add("http://p:1")
    assert len(member.calls) == 1


async def test_a_read_whose_answer_is_lost_is_repeated(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [(0, {}), (200, {"cluster_id": "1", "configuration_index": "1", "members": []})]
    assert (await cluster.members()).cluster_id == 1


async def test_a_redirect_to_the_leader_is_followed(members: list[FakeMember]) -> None:
    members[1].http_answers = [(200, {"member_id": "5"})]
    async with Cluster([members[0].url], options=FAST) as cluster:
        members[0].http_answers = [problem_body("NotLeader", leader={"member_id": "2", "client_url": members[1].url})]
        assert await cluster.member_add("http://p:1") == 5


async def test_the_deadline_raises_the_last_failure(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [problem_body("NotLeader")] * 1000
    with pytest.raises(NotLeader):
        await cluster.members(timeout_s=0.1)
    async with Cluster(["127.0.0.1:9"], options=FAST._replace(timeout_s=0.2)) as nobody:
        with pytest.raises(Unreachable):
            await nobody.members()


async def test_who_leads_is_not_waited_for_where_nobody_belongs_to_a_cluster(cluster: Cluster, member: FakeMember) -> None:
    member.belongs_nowhere = True
    asked = member.asked_who_leads
    with pytest.raises(NotReady, match="belongs to no cluster yet"):
        await cluster.leader(timeout_s=60)
    assert member.asked_who_leads == asked + 1


async def test_who_leads_is_asked_of_the_others_before_that(members: list[FakeMember]) -> None:
    members[0].belongs_nowhere = True
    async with Cluster([members[0].url, members[1].url], options=FAST) as cluster:
        assert (await cluster.leader(timeout_s=60)).member_id
        assert members[1].asked_who_leads


async def test_what_is_not_of_this_api_is_said_so(cluster: Cluster, member: FakeMember) -> None:
    member.http_answers = [(200, {"cluster_id": "twelve"}), (500, {"oops": 1})]
    with pytest.raises(MalformedAnswer, match="cluster_id"):
        await cluster.members()
    with pytest.raises(MalformedAnswer, match="HTTP 500"):
        await cluster.members()


async def test_a_silent_member_is_a_deadline(cluster: Cluster, member: FakeMember, monkeypatch: pytest.MonkeyPatch) -> None:
    member.http_delay_s = 1.0
    with pytest.raises(DeadlineExceeded):
        await cluster.members(timeout_s=0.1)
    with pytest.raises(OutcomeUnknown):
        await cluster.member_add("http://p:1", timeout_s=0.1)


async def test_what_may_be_asked_twice_is_asked_elsewhere_after_a_while(members: list[FakeMember]) -> None:
    members[0].http_delay_s = 60.0
    members[1].http_answers = [(200, {"cluster_id": "1", "configuration_index": "1", "members": []})]
    async with Cluster([members[0].url, members[1].url], options=FAST._replace(connect_timeout_s=0.1)) as cluster:
        cluster._endpoints._given.sort(key=lambda url: url != members[0].url)
        assert (await cluster.members()).cluster_id == 1
    members[0].http_delay_s = 0.0


class TestSnapshots:
    async def test_a_snapshot_is_saved_and_checked(self, cluster: Cluster, member: FakeMember, tmp_path: Path) -> None:
        member.snapshot = snapshot_bytes(b"x" * 3_000_000)
        seen: list[int] = []
        info = await cluster.snapshot(tmp_path / "s", progress=lambda done, _: seen.append(done))
        assert (info.size_bytes, info.index, info.revision) == (len(member.snapshot), 7, 9)
        assert (tmp_path / "s").read_bytes() == member.snapshot
        assert seen[-1] == len(member.snapshot)
        assert verify_snapshot(tmp_path / "s").sha256 == info.sha256

    async def test_a_damaged_one_never_gets_its_name(self, cluster: Cluster, member: FakeMember, tmp_path: Path) -> None:
        member.snapshot = snapshot_bytes()[:-1]
        with pytest.raises(SnapshotDamaged):
            await cluster.snapshot(tmp_path / "s")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("position", [0, 9, 12, 20, -40, -1])
    def test_any_flipped_byte_is_found(self, tmp_path: Path, position: int) -> None:
        content = bytearray(snapshot_bytes())
        content[position] ^= 0x40
        (tmp_path / "s").write_bytes(content)
        with pytest.raises(SnapshotDamaged):
            verify_snapshot(tmp_path / "s")

    @pytest.mark.parametrize("length", [0, 8, 20, 50])
    def test_a_cut_file_is_found(self, tmp_path: Path, length: int) -> None:
        (tmp_path / "s").write_bytes(snapshot_bytes()[:length])
        with pytest.raises(SnapshotDamaged):
            verify_snapshot(tmp_path / "s")

    async def test_restore_sends_the_file_as_it_is(self, cluster: Cluster, member: FakeMember, tmp_path: Path) -> None:
        (tmp_path / "s").write_bytes(snapshot_bytes())
        assert (await cluster.restore(tmp_path / "s", "t")).cluster_id == 77
        assert member.restored == snapshot_bytes()

    async def test_a_damaged_file_is_not_sent(self, cluster: Cluster, member: FakeMember, tmp_path: Path) -> None:
        (tmp_path / "s").write_bytes(snapshot_bytes()[:-2])
        with pytest.raises(SnapshotDamaged):
            await cluster.restore(tmp_path / "s", "t")
        assert member.restored == b""
