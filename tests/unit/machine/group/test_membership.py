"""A commit that rides in a membership entry: leaves and configuration change together, or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from quorate.wire.commands import GroupCommit
from quorate_node.machine import rules
from quorate_node.machine.group.refusal import GroupRefused, Reason
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.group.harness import Cluster, created, record


def refusal(cluster: Cluster, request: GroupCommit, put: tuple[int, ...] = (), removed: tuple[int, ...] = ()) -> GroupRefused | None:
    return cluster.machine.group_refusal([record(member_id) for member_id in put], removed, request)


def apply(cluster: Cluster, request: GroupCommit, put: tuple[int, ...] = (), removed: tuple[int, ...] = ()) -> None:
    machine = cluster.machine
    ids = tuple(sorted({*machine.members, *put} - {*removed}))
    entry = Entry(machine.applied_index + 1, 1, EntryType.MEMBERSHIP)
    machine.apply_membership(entry, Configuration(voters=ids), [record(member_id) for member_id in put], removed, request)


def test_an_add_rides_the_learner_s_entry() -> None:
    cluster = created(1, 2)
    request = cluster.commit(1, add=(3,))
    assert refusal(cluster, request, put=(3,)) is None
    apply(cluster, request, put=(3,))
    assert sorted(cluster.views) == [1, 2, 3]
    assert (cluster.group.index, cluster.group.public.epoch) == (cluster.machine.applied_index, 2)
    assert cluster.machine.configuration.voters == (1, 2, 3)


def test_a_remove_rides_the_entry_that_ends_the_vote() -> None:
    cluster = created(1, 2, 3)
    request = cluster.commit(1, remove=(cluster.leaf(3),))
    assert refusal(cluster, request, removed=(3,)) is None
    apply(cluster, request, removed=(3,))
    assert sorted(cluster.views) == [1, 2]
    assert sorted(cluster.machine.members) == [1, 2]


def test_leaves_that_change_otherwise_than_the_configuration_refuse_the_whole_entry() -> None:
    cluster = created(1, 2, 3)
    adding, removing = cluster.commit(1, add=(4,)), cluster.commit(1, remove=(cluster.leaf(3),))
    for request, put, removed in ((adding, (), ()), (adding, (5,), ()), (removing, (), ()), (removing, (), (2,))):
        refused = refusal(cluster, request, put, removed)
        assert refused is not None
        assert refused.reason is Reason.MEMBERS


def test_asking_changes_nothing() -> None:
    cluster = created(1, 2)
    before = cluster.machine.state, cluster.machine.group, dict(cluster.machine.members)
    assert refusal(cluster, cluster.commit(1, add=(3,)), put=(3,)) is None
    assert (cluster.machine.state, cluster.machine.group, cluster.machine.members) == before


def test_a_late_commit_refuses_the_whole_entry() -> None:
    cluster = created(1, 2)
    request = cluster.commit(1, add=(3,))
    cluster.one(cluster.commit(2))
    refused = refusal(cluster, request, put=(3,))
    assert refused is not None
    assert refused.reason is Reason.STALE
    with pytest.raises(GroupRefused):
        apply(cluster, request, put=(3,))
    assert sorted(cluster.machine.members) == [1, 2]
    cluster.configure()
    assert cluster.group.public.epoch == 2


def test_it_obeys_the_same_limits_and_the_cluster_version(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = created(1, 2)
    request = cluster.commit(1)
    young = KeyValueMachine.open(MemoryStateStore(MemoryDisk(), "2")).group_refusal([], [], request)
    assert young is not None
    assert "(unsupported): it needs cluster version 2, this cluster is at 1" in young.message
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), group_entry_bytes_max=len(request.commit)))
    large = refusal(cluster, request)
    assert large is not None
    assert large.reason is Reason.SIZE
