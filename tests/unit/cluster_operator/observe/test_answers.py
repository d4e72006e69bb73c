"""What members say is of one moment, or is asked again."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import cast

import pytest

from quorate.answers import Member, Members, Progress, Status
from quorate_operator.clients.errors import MemberFailure
from quorate_operator.clients.members import MemberApi
from quorate_operator.decide.world import Lag
from quorate_operator.observe.answers import Changing, ask, membership, url_of

PODS = [
    {"metadata": {"uid": "a"}, "status": {"podIP": "10.0.0.1"}},
    {"metadata": {"uid": "b"}, "status": {"podIP": "10.0.0.2"}},
    {"metadata": {"uid": "c"}, "status": {}},
]
LEADER = Status(member_id=1, cluster_id=9, name="kv-0", role="leader", term=3)


class Said:
    """Answers by the number of the round in which they are asked for."""

    def __init__(self, statuses: Callable[[int], dict[str, Status]], configurations: Callable[[int], Members]) -> None:
        self._statuses, self._configurations = statuses, configurations
        self.rounds, self._asked = 0, 0

    async def status(self, url: str, tls: ssl.SSLContext | None = None) -> Status:
        statuses = self._statuses(self._asked // 2)
        self._asked += 1
        if url not in statuses:
            raise MemberFailure("Unreachable", "nobody is there")
        return statuses[url]

    async def members(self, url: str, tls: ssl.SSLContext | None = None) -> Members:
        self.rounds += 1
        return self._configurations(self.rounds - 1)


def configuration(index: int, **names: int) -> Members:
    return Members(9, index, [Member(member_id, name.replace("_", "-"), "voter") for name, member_id in names.items()])


async def test_a_settled_cluster_is_asked_once() -> None:
    follower = Status(member_id=2, cluster_id=9, name="kv-1", role="follower", term=3)
    said = Said(lambda _: {"http://10.0.0.1:7301": LEADER, "http://10.0.0.2:7301": follower}, lambda _: configuration(4, kv_0=1, kv_1=2))
    answers, told = await ask(cast(MemberApi, said), PODS, "http", None)
    assert {uid: answer.member_id for uid, answer in answers.items()} == {"a": 1, "b": 2}
    assert told is not None
    assert (told.leader_id, told.configuration_index, said.rounds) == (1, 4, 1)


async def test_a_member_that_joined_between_two_questions_is_asked_again() -> None:
    """Else its pod looks as if it had lost its data, and it would be voted out."""
    empty, joined = Status(name="kv-1", role="uninitialised"), Status(member_id=2, cluster_id=9, name="kv-1", role="learner")

    def statuses(round_: int) -> dict[str, Status]:
        return {"http://10.0.0.1:7301": LEADER, "http://10.0.0.2:7301": empty if round_ == 0 else joined}

    said = Said(statuses, lambda _: configuration(5, kv_0=1, kv_1=2))
    answers, _ = await ask(cast(MemberApi, said), PODS, "http", None)
    assert answers["b"].member_id == 2
    assert said.rounds == 2


async def test_an_empty_pod_of_a_members_name_is_believed_when_the_configuration_stood_still() -> None:
    empty = Status(name="kv-1", role="uninitialised")
    said = Said(lambda _: {"http://10.0.0.1:7301": LEADER, "http://10.0.0.2:7301": empty}, lambda _: configuration(5, kv_0=1, kv_1=2))
    answers, told = await ask(cast(MemberApi, said), PODS, "http", None)
    assert answers["b"].member_id == 0
    assert told is not None


async def test_members_that_change_all_the_time_are_looked_at_later() -> None:
    empty = Status(name="kv-1", role="uninitialised")
    said = Said(
        lambda _: {"http://10.0.0.1:7301": LEADER, "http://10.0.0.2:7301": empty}, lambda round_: configuration(round_, kv_0=1, kv_1=2)
    )
    with pytest.raises(Changing):
        await ask(cast(MemberApi, said), PODS, "http", None)


async def test_of_two_leaders_the_one_of_the_higher_term_is_asked() -> None:
    old = Status(member_id=2, cluster_id=9, name="kv-1", role="leader", term=2)
    said = Said(lambda _: {"http://10.0.0.1:7301": LEADER, "http://10.0.0.2:7301": old}, lambda _: configuration(4, kv_0=1, kv_1=2))
    _, told = await ask(cast(MemberApi, said), PODS, "http", None)
    assert told is not None
    assert told.leader_id == 1


def test_lag_comes_in_buckets() -> None:
    def lag_of(entries: int, active: bool = True) -> Lag:
        progress = Progress(2, "replicate", 0, active, entries)
        told = membership(Members(9, 1, [Member(1, "a", "voter"), Member(2, "b", "learner", progress=progress)]), 1)
        assert (told.members[0].lag, told.members[0].voter, told.members[1].voter) == (Lag.NONE, True, False)
        return told.members[1].lag

    assert [lag_of(0), lag_of(16), lag_of(17), lag_of(64), lag_of(65)] == [Lag.NONE, Lag.NONE, Lag.SMALL, Lag.SMALL, Lag.LARGE]
    assert lag_of(0, active=False) is Lag.UNKNOWN


def test_addresses_of_both_families_and_none() -> None:
    assert url_of({"status": {"podIP": "fd00::1"}}, "https") == "https://[fd00::1]:7301"
    assert url_of({"status": {}}, "http") == ""
