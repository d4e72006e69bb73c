"""Every public check of a fresh group: what fails it is a result with its reason, and leaves the group that there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate.wire.commands import CommandKind, GroupCreate, LeafKey
from quorate_node.crypto.mls.extension import ExtensionType
from quorate_node.machine import rules
from quorate_node.machine.group.refusal import Reason
from quorate_node.machine.interface import Refused
from tests.unit.machine.builders import raw
from tests.unit.machine.group.altered import flipped, with_extension, with_info, without
from tests.unit.machine.group.harness import Cluster, changed, check_refused, created

ID = bytes(32)


def again(cluster: Cluster) -> GroupCreate:
    """The entry that made the present group, a second time."""
    made = cluster.create(1, 2)
    cluster.one(made)
    return made


def with_a_former_id(cluster: Cluster) -> GroupCreate:
    cluster.one(cluster.create(1, 2, group_id=ID))
    cluster.one(cluster.create(1, 2))
    return cluster.create(1, 2, group_id=ID)


def with_the_present_id(cluster: Cluster) -> GroupCreate:
    return cluster.create(1, 2, group_id=cluster.group.public.group_id)


def with_another_tree(cluster: Cluster) -> GroupCreate:
    return changed(cluster.create(1, 2), tree=cluster.create(1, 2).tree)


def with_a_damaged_leaf(cluster: Cluster) -> GroupCreate:
    made = cluster.create(1, 2)
    return changed(made, tree=flipped(made.tree))


def of_a_later_epoch(cluster: Cluster) -> GroupCreate:
    """What is current now, as if it were fresh."""
    cluster.one(cluster.commit(1))
    made = cluster.create(1, 2, 3)
    view = cluster.views[1]
    return with_info(made, lambda _: view.group_info(with_tree=False, with_external_pub=True))


def alone_in_epoch_1(cluster: Cluster) -> GroupCreate:
    made = cluster.create(1)
    return with_info(made, lambda info: replace(info, group_context=replace(info.group_context, epoch=1)), cluster)


def with_a_transcript_in_epoch_0(cluster: Cluster) -> GroupCreate:
    made = cluster.create(1)
    return with_info(
        made, lambda info: replace(info, group_context=replace(info.group_context, confirmed_transcript_hash=bytes(32))), cluster
    )


CREATIONS: dict[str, tuple[Callable[[Cluster], GroupCreate], Reason, str]] = {
    "it comes a second time": (again, Reason.STALE, "the current one is of entry"),
    "made before there was a group": (lambda c: changed(c.create(1, 2), after_index=0), Reason.STALE, "it follows the group of entry 0"),
    "the id of a former group": (with_a_former_id, Reason.GROUP_ID, "was there before: a new group has a fresh id"),
    "the id of the present group": (with_the_present_id, Reason.GROUP_ID, "was there before: a new group has a fresh id"),
    "a short id": (lambda c: c.create(1, 2, group_id=b"short"), Reason.GROUP_ID, "has 5 bytes: 16 to 64 are allowed"),
    "a long id": (lambda c: c.create(1, 2, group_id=bytes(65)), Reason.GROUP_ID, "has 65 bytes: 16 to 64 are allowed"),
    "no GroupInfo": (lambda c: changed(c.create(1, 2), group_info=c.create(1, 2).welcome), Reason.CODEC, "group_info is a Welcome"),
    "no tree": (lambda c: changed(c.create(1, 2), tree=b""), Reason.CODEC, "bytes are announced"),
    "another tree": (with_another_tree, Reason.TREE, "its hash is another one"),
    "a forged GroupInfo": (lambda c: with_info(c.create(1, 2), lambda i: replace(i, signature=bytes(64))), Reason.SIGNATURE, "signature"),
    "a damaged leaf": (with_a_damaged_leaf, Reason.TREE, "its hash is another one"),
    "a tree inside": (
        lambda c: with_info(c.create(1, 2), with_extension(ExtensionType.RATCHET_TREE, b""), c), Reason.GROUP_INFO, "has a ratchet_tree"),
    "no external_pub": (
        lambda c: with_info(c.create(1, 2), without(ExtensionType.EXTERNAL_PUB), c), Reason.GROUP_INFO, "has no external_pub"),
    "a later epoch": (of_a_later_epoch, Reason.GROUP_ID, "was there before"),
    "alone in epoch 1": (alone_in_epoch_1, Reason.GROUP_INFO, "a fresh group of 1 members begins with epoch 0, not 1"),
    "a transcript in epoch 0": (with_a_transcript_in_epoch_0, Reason.GROUP_INFO, "the transcript hash of epoch 0 has 32 bytes"),
    "no Welcome": (lambda c: changed(c.create(1, 2), welcome=b""), Reason.WELCOME, "1 are added, and there is no Welcome"),
    "a Welcome for nobody": (lambda c: changed(c.create(1), welcome=c.create(1, 2).welcome), Reason.WELCOME, "and nobody is added"),
    "a Welcome for fewer": (
        lambda c: changed(c.create(1, 2, 3), welcome=c.create(1, 2).welcome), Reason.WELCOME, "not exactly for the 2 that are added"),
    "somebody who is no member": (lambda c: c.create(1, 9), Reason.MEMBERS, "member 9 gets a leaf and is not in the configuration"),
    "a leaf of nobody": (lambda c: changed(c.create(1, 2), leaf_keys=(c.key(1),)), Reason.MEMBERS, "leaf_keys names 1 keys, and 2 come"),
    "one member for two": (
        lambda c: changed(c.create(1, 2), leaf_keys=(c.key(1), LeafKey(1, c.key(2).signature_key))), Reason.MEMBERS, "a member twice"),
    "exchanged keys with one who is away": (
        lambda c: changed(c.create(1, 2), leaf_keys=(c.key(1), LeafKey(3, c.key(2).signature_key))),
        Reason.MEMBERS, "members 2 and 3 are given the same leaf key"),
}  # fmt: skip


@pytest.fixture
def cluster() -> Cluster:
    return created(1, 2, 3)


@pytest.mark.parametrize("case", CREATIONS)
def test_what_fails_a_check_changes_nothing(cluster: Cluster, case: str) -> None:
    make, reason, text = CREATIONS[case]
    check_refused(cluster, make(cluster), reason, text)


def test_only_so_many_former_ids_are_remembered(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), group_ids_kept=2))
    for _ in range(4):
        assert not hasattr(cluster.one(cluster.create(1)), "error")
    assert len(cluster.group.past_groups) == 2


@pytest.mark.parametrize(
    ("limit", "text"), [("group_entry_bytes_max", "bytes: 1 are the most"), ("group_leaves_max", "leaf_keys names 2 keys: 1 are the most")]
)
def test_a_size_over_its_limit_is_refused_before_and_after_proposal(
    cluster: Cluster, limit: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = cluster.create(1, 2)
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), **{limit: 1}))
    with pytest.raises(Refused, match=text):
        cluster.machine.check(CommandKind.GROUP_CREATE, raw(request))
    result = cluster.one(request)
    assert (result.error, text in result.message) == ("InvalidArgument", True)


def test_a_group_with_more_leaves_than_the_limit_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    request = changed(cluster.create(1, 2, 3), leaf_keys=())
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), group_leaves_max=2))
    assert "(size): the group has 3 members: 2 are the most" in cluster.one(request).message
