"""Leases live and end by log time alone."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from quorate.wire.commands import (
    MAX_INT64,
    Command,
    CommandKind,
    DeleteRange,
    LeaseExpire,
    LeaseGrant,
    LeaseKeepAlive,
    LeaseRevoke,
    Put,
    Range,
)
from quorate.wire.results import LeaseListResult, LeaseResult
from quorate_node.machine import rules
from quorate_node.machine.deadlines import Deadlines
from quorate_node.machine.interface import Refused
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.rules import Rules
from tests.unit.machine.builders import ALL, Member, command


def test_keys_go_with_their_lease_at_one_revision(member: Member) -> None:
    member.do(LeaseGrant(2_000, 7), Put(b"b", lease=7), Put(b"a", lease=7), Put(b"c"))
    assert member.machine.lease(7, True) == LeaseResult(4, 7, 2_000, 2_000, (b"a", b"b"))
    assert member.one(LeaseRevoke(7)) == LeaseResult(5, 7, -1)
    assert [kv.key for kv in member.machine.range(Range(*ALL)).kvs] == [b"c"]
    assert member.machine.lease(7, True) == LeaseResult(5, 7, -1)
    assert member.one(LeaseRevoke(7)).error == "LeaseNotFound"


def test_a_lease_without_keys_ends_without_a_revision(memory_member: Member) -> None:
    memory_member.do(LeaseGrant(1_000, 7))
    assert memory_member.one(LeaseRevoke(7)) == LeaseResult(1, 7, -1)


def test_putting_again_moves_or_detaches(member: Member) -> None:
    member.do(LeaseGrant(1_000, 1), LeaseGrant(1_000, 2), Put(b"a", lease=1), Put(b"b", lease=1), Put(b"c", lease=1))
    member.do(Put(b"a"), Put(b"b", lease=2), Put(b"c", b"x", ignore_lease=True))
    assert (member.machine.lease(1, True).keys, member.machine.lease(2, True).keys) == ((b"c",), (b"b",))
    member.one(DeleteRange(b"c"))
    member.do(LeaseRevoke(1), LeaseRevoke(2))
    assert [kv.key for kv in member.machine.range(Range(*ALL)).kvs] == [b"a"]


def test_granted_and_revoked_within_one_entry(memory_member: Member) -> None:
    results = memory_member.do(LeaseGrant(1_000, 1), Put(b"a", lease=1), LeaseRevoke(1), Put(b"a", lease=1))
    assert results[-1].error == "LeaseNotFound"
    assert memory_member.machine.state.key_count == 0


def test_an_id_is_chosen_from_the_log_and_a_taken_one_is_refused(memory_member: Member) -> None:
    first, second = memory_member.do(LeaseGrant(1_000), LeaseGrant(1_000))
    assert (first.lease, second.lease) == (65_537, 65_538)
    assert memory_member.one(LeaseGrant(1_000, 65_537)).error == "LeaseExists"


def test_expiry_is_decided_by_the_entrys_log_time(member: Member) -> None:
    member.do(LeaseGrant(2_000, 7), Put(b"a", lease=7), at_ms=10_000)
    assert member.machine.due(11_999) == []
    (proposal,) = member.machine.due(12_000)
    assert member.one(LeaseExpire((7,)), at_ms=11_999) == LeaseListResult(2, ((7, 1),))
    assert member.one(proposal, at_ms=12_000) == LeaseListResult(3, ((7, -1),))
    assert member.machine.revision == 3


def test_a_renewal_before_its_expiry_saves_a_lease(memory_member: Member) -> None:
    memory_member.do(LeaseGrant(2_000, 7), Put(b"a", lease=7))
    (proposal,) = memory_member.machine.due(2_000)
    memory_member.do(LeaseKeepAlive((7, 8)), proposal, at_ms=2_000)
    assert memory_member.machine.leases() == LeaseListResult(2, ((7, 2_000),))


def test_remaining_time_survives_a_restart_and_another_leader(member: Member) -> None:
    member.do(LeaseGrant(2_000, 7), at_ms=1_000)
    member.do(at_ms=2_500)
    member.restart(member.store)
    assert member.machine.lease(7, False).ttl_ms == 500
    assert member.machine.due(2_999) == []
    assert len(member.machine.due(3_000)) == 1


def test_log_time_never_goes_back(memory_member: Member) -> None:
    memory_member.do(LeaseGrant(2_000, 7), at_ms=5_000)
    memory_member.do(LeaseKeepAlive((7,)), at_ms=1_000)
    assert memory_member.machine.log_time_ms == 5_000
    assert memory_member.machine.lease(7, False).ttl_ms == 2_000


def leases_in(commands: list[Command]) -> tuple[int, ...]:
    (only,) = commands
    return msgspec.msgpack.decode(only.payload, type=LeaseExpire).leases


def test_due_names_a_bounded_batch_and_repeats_it_only_after_a_while(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(expire_batch_max=2, expire_retry_ms=100))
    member.do(*[LeaseGrant(1_000, lease) for lease in (1, 2, 3)])
    assert leases_in(member.machine.due(1_000)) == (1, 2)
    assert leases_in(member.machine.due(1_000)) == (3,)
    assert member.machine.due(1_050) == []
    assert leases_in(member.machine.due(1_100)) == (1, 2)


def test_short_and_huge_lifetimes(memory_member: Member) -> None:
    assert memory_member.one(LeaseGrant(-5, 1)).granted_ttl_ms == Rules().lease_ttl_ms_min
    longest = Rules().lease_ttl_ms_max
    assert memory_member.one(LeaseGrant(longest, 2)).granted_ttl_ms == longest
    assert memory_member.one(LeaseGrant(longest + 1, 3)).error == "LeaseTtlTooLarge"
    with pytest.raises(Refused, match=f"ttl_ms {longest + 1} is over the limit of {longest}"):
        memory_member.machine.check(CommandKind.LEASE_GRANT, command(LeaseGrant(longest + 1)).payload)


@pytest.mark.parametrize("lease", [-1, MAX_INT64 + 1])
def test_ids_out_of_range_harm_nothing(memory_member: Member, lease: int) -> None:
    assert memory_member.one(LeaseGrant(1_000, lease)).error == "InvalidArgument"
    assert memory_member.one(Put(b"a", lease=lease)).error == "LeaseNotFound"
    assert memory_member.one(LeaseRevoke(lease)).error == "LeaseNotFound"
    assert memory_member.one(LeaseKeepAlive((lease,))).leases == ((lease, -1),)


def test_leases_are_bounded(memory_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 1, dataclasses.replace(Rules(), leases_max=2))
    results = memory_member.do(*[LeaseGrant(1_000, lease) for lease in (1, 2, 3)], LeaseRevoke(1), LeaseGrant(1_000, 3))
    assert [getattr(result, "error", "") for result in results] == ["", "", "TooManyRequests", "", ""]


def test_deadlines_find_what_is_due_though_they_moved() -> None:
    real: dict[int, int] = {1: 10, 2: 30, 3: 20}
    deadlines = Deadlines((10, number) for number in real)
    assert deadlines.due(10, real.get, 5, 100) == [1]
    assert deadlines.due(25, real.get, 5, 100) == [3]
    del real[1]
    assert deadlines.due(1_000, real.get, 5, 100) == [2, 3]
    assert len(deadlines) == 2


def test_leases_that_come_and_go_leave_no_deadlines_behind(memory_member: Member) -> None:
    for _ in range(30):
        memory_member.do(*[one for lease in range(1, 101) for one in (LeaseGrant(9_000_000, lease), LeaseRevoke(lease))])
        memory_member.do(*[LeaseGrant(9_000_000, lease) for lease in range(1, 101)])
        memory_member.do(*[LeaseRevoke(lease) for lease in range(1, 101)])
    memory_member.do(LeaseGrant(1_000, 7))
    assert len(memory_member.machine._committed.lease_deadlines) <= 1_300
    assert leases_in(memory_member.machine.due(1_000)) == (7,)
