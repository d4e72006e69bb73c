"""What the entries of the key group do: every member of the cluster comes to the same epoch, and its private half can follow."""

from __future__ import annotations

import pytest

from quorate.wire.commands import ClusterVersion, CommandKind, GroupCommit, GroupCreate, Put
from quorate.wire.results import DoneResult
from quorate_node.crypto.mls.group.commit_create import CommitOptions
from quorate_node.machine.group.events import GroupCommitted, GroupCreated
from quorate_node.machine.interface import Refused, UnknownCommand
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.rules import Release
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import Member, command, entry, raw
from tests.unit.machine.group.harness import Cluster, created, twin_of


def test_there_is_no_group_at_first() -> None:
    assert Cluster((1, 2)).machine.group is None


def test_a_lone_member_makes_a_group_of_epoch_0() -> None:
    cluster = created(7)
    assert (cluster.group.public.epoch, cluster.group.index) == (0, cluster.machine.applied_index)
    assert cluster.group.leaves(cluster.machine.members) == {0: 7}


def test_a_group_of_several_begins_with_epoch_1_and_lets_all_in() -> None:
    cluster = created(1, 2, 3)
    assert cluster.group.public.epoch == 1
    assert sorted(cluster.views) == [1, 2, 3]
    assert cluster.group.leaves(cluster.machine.members) == {0: 1, 1: 2, 2: 3}


def test_a_commit_leads_all_into_the_next_epoch() -> None:
    cluster = created(1, 2, 3)
    assert cluster.one(cluster.commit(2)) == DoneResult(1)
    assert (cluster.group.public.epoch, cluster.group.index) == (2, cluster.machine.applied_index)
    assert sorted(cluster.views) == [1, 2, 3]


def test_a_rotation_takes_the_updates_of_others_along() -> None:
    cluster = created(1, 2, 3)
    before = {node.encryption_key for _, node in cluster.group.public.tree.members()}
    assert cluster.one(cluster.commit(1, updates=(2, 3))) == DoneResult(1)
    assert before.isdisjoint(node.encryption_key for _, node in cluster.group.public.tree.members())


def test_a_new_member_is_added_after_its_configuration() -> None:
    cluster = created(1, 2)
    cluster.configure(put=(3,))
    assert cluster.one(cluster.commit(1, add=(3,))) == DoneResult(1)
    assert sorted(cluster.views) == [1, 2, 3]
    assert cluster.group.leaf_keys[3] == cluster.key(3).signature_key


def test_who_has_left_the_configuration_is_nobody_and_its_leaf_goes() -> None:
    cluster = created(1, 2, 3)
    leaf = cluster.leaf(3)
    cluster.configure(removed=(3,))
    assert cluster.group.leaves(cluster.machine.members) == {0: 1, 1: 2}
    assert cluster.one(cluster.commit(1, remove=(leaf,))) == DoneResult(1)
    assert sorted(cluster.views) == [1, 2]
    assert 3 not in cluster.group.leaf_keys


def test_a_stale_leaf_may_stay_while_another_member_comes_back() -> None:
    cluster = created(1, 2, 3)
    cluster.configure(removed=(3,))
    assert cluster.one(cluster.rejoin(2, remove=cluster.leaf(2))) == DoneResult(1)
    assert cluster.one(cluster.commit(1, remove=(2,))) == DoneResult(1)


@pytest.mark.parametrize("new_key", [False, True], ids=["same key", "new key"])
def test_a_member_that_lost_its_epoch_comes_back_by_itself(new_key: bool) -> None:
    cluster = created(1, 2, 3)
    leaf = cluster.leaf(2)
    del cluster.views[2]
    if new_key:
        cluster.new_signer(2)
    assert cluster.one(cluster.rejoin(2, remove=leaf)) == DoneResult(1)
    assert sorted(cluster.views) == [1, 2, 3]
    assert cluster.group.leaf_keys[2] == cluster.key(2).signature_key
    assert cluster.one(cluster.commit(2)) == DoneResult(1)


def test_a_member_changes_its_signature_key_with_its_commit() -> None:
    cluster = created(1, 2)
    signer = cluster.new_signer(1)
    assert cluster.one(cluster.commit(1, options=CommitOptions(signer=signer))) == DoneResult(1)
    assert cluster.group.leaf_keys[1] == signer.public
    assert cluster.one(cluster.commit(1)) == DoneResult(1)


def test_a_fresh_group_takes_the_place_of_the_one_that_was_lost() -> None:
    cluster = created(1, 2, 3)
    first = cluster.group
    assert cluster.one(cluster.create(2, 1)) == DoneResult(1)
    assert cluster.group.past_groups == (first.public.group_id,)
    assert cluster.group.leaves(cluster.machine.members) == {0: 2, 1: 1}
    assert cluster.one(cluster.rejoin(3)) == DoneResult(1)
    assert sorted(cluster.views) == [1, 2, 3]


def test_the_private_half_is_told_after_the_write_and_in_log_order() -> None:
    cluster = created(1, 2)
    machine, told = cluster.machine, []
    machine.on_group(lambda event: told.append((type(event), machine.applied_index, machine.group)))
    cluster.apply(command(Put(b"a")), cluster.commit(1))
    cluster.one(cluster.create(1, 2))
    index = machine.applied_index
    assert [(kind, at) for kind, at, _ in told] == [(GroupCommitted, index - 1), (GroupCreated, index)]
    assert [group.public.epoch for _, _, group in told if group is not None] == [2, 1]
    last = cluster.events[-1]
    assert isinstance(last, GroupCreated)
    assert (last.before, last.after) == (told[0][2], machine.group)


def test_two_entries_in_one_call_follow_each_other() -> None:
    cluster = created(1, 2)
    first = cluster.commit(1)
    at = cluster.machine.applied_index + 1
    old, cluster.views[1] = cluster.views[1], cluster.pending[first.group_info][1]
    second = cluster.commit(1)
    cluster.views[1] = old
    kind = CommandKind.GROUP_COMMIT
    results = cluster.member.apply([entry(at, [command(first, kind=kind)]), entry(at + 1, [command(second, kind=kind)])])
    assert results == [[DoneResult(1)], [DoneResult(1)]]
    assert (cluster.group.public.epoch, cluster.group.index) == (3, at + 1)


def test_two_machines_with_one_log_are_equal() -> None:
    cluster = created(1, 2, 3)
    stale = cluster.commit(2)
    cluster.apply(cluster.commit(1, updates=(3,)), stale)
    twin = twin_of(cluster)
    assert twin.digests() == cluster.machine.digests()
    assert twin.group is not None
    assert twin.group.public.tree == cluster.group.public.tree


def test_the_group_is_in_the_state_hash() -> None:
    """Two commits of one epoch, each valid: machines that took another one differ."""
    cluster, twin = created(1, 2), created(1, 2)
    assert twin.machine.digests() == cluster.machine.digests()
    cluster.one(cluster.commit(1))
    twin.one(twin.commit(2))
    assert twin.machine.digests()[-1] != cluster.machine.digests()[-1]


def test_before_its_cluster_version_nothing_of_it_is_taken(memory_member: Member) -> None:
    for kind, request in ((CommandKind.GROUP_CREATE, GroupCreate(0, b"", b"")), (CommandKind.GROUP_COMMIT, GroupCommit(b"", 0, b"", b""))):
        assert memory_member.one(command(request, kind=kind)).error == "InvalidArgument"
        with pytest.raises(Refused, match=f"kind {kind:d} needs cluster version 2, this cluster is at 1: upgrade it"):
            memory_member.machine.check(kind, raw(request))
    assert memory_member.machine.group is None


def test_the_release_before_stops_at_the_activation() -> None:
    old = KeyValueMachine.open(MemoryStateStore(MemoryDisk(), "1"), release=Release(1, 1))
    raised = command(ClusterVersion(2), kind=CommandKind.CLUSTER_VERSION)
    with pytest.raises(UnknownCommand, match="activates cluster version 2, this release knows up to 1"):
        old.apply([entry(1, [raised])])
