"""Every public check of a commit: what fails it is a result with its reason, and changes nothing but the applied index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from quorate.wire.commands import CommandKind, GroupCommit, LeafKey
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.extension import ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalPub
from quorate_node.machine import rules
from quorate_node.machine.group.refusal import Reason
from quorate_node.machine.interface import Refused
from tests.unit.machine.builders import raw
from tests.unit.machine.group.altered import (
    a_later_epoch,
    an_early_one,
    an_update,
    another_member_s_key,
    damaged_path,
    forged_proposal,
    late_inside,
    late_proposal,
    lost_update,
    of_the_group_before,
    private_commit,
    reinit,
    second_leaf,
    swapped,
    with_auth,
    with_extension,
    with_info,
    with_trailing_byte,
    without,
    without_path,
)
from tests.unit.machine.group.harness import Cluster, as_bytes, changed, check_refused, created

COMMITS: dict[str, tuple[Callable[[Cluster], GroupCommit], Reason, str]] = {
    "an epoch that is over": (an_early_one, Reason.STALE, "it ends epoch 1 of group"),
    "an epoch to come": (a_later_epoch, Reason.STALE, "it ends epoch 2 of group"),
    "the group before": (of_the_group_before, Reason.STALE, "the current one is 1 of"),
    "an inner epoch that is not the outer": (late_inside, Reason.STALE, "a message of epoch 1 in epoch 2: it is late"),
    "a proposal of the epoch before": (late_proposal, Reason.STALE, "of epoch 1 in epoch 2"),
    "no MLS message": (lambda c: changed(c.commit(1), commit=b"\x00\x01\x00\x01"), Reason.CODEC, "are announced"),
    "bytes after the commit": (lambda c: with_trailing_byte(c.commit(1)), Reason.CODEC, "are left behind the structure"),
    "a proposal for a commit": (lambda c: changed(c.commit(1), commit=an_update(c, 1)), Reason.CODEC, "commit is a proposal"),
    "an encrypted commit": (private_commit, Reason.CODEC, "commit is a PrivateMessage: it must be a PublicMessage"),
    "a commit for a proposal": (swapped, Reason.VALIDATION, "sends a commit, not a proposal"),
    "no path": (without_path, Reason.PATH, "the commit has no path"),
    "the end of the group": (reinit, Reason.PATH, "the commit ends the group"),
    "a forged commit": (lambda c: with_auth(c.commit(1), signature=bytes(64)), Reason.SIGNATURE, "signature"),
    "a forged proposal": (forged_proposal, Reason.SIGNATURE, "signature"),
    "a path that its leaf does not vouch for": (damaged_path, Reason.TREE, "hash"),
    "a proposal that nobody names": (
        lambda c: changed(c.commit(1), proposals=(an_update(c, 2),)), Reason.PROPOSALS, "names 0 proposals by reference"),
    "a proposal twice": (lost_update, Reason.PROPOSALS, "stands twice in the entry"),
    "a proposal that is not there": (
        lambda c: changed(c.commit(1, updates=(2,)), proposals=(an_update(c, 2),)), Reason.PROPOSALS, "which is not known in this epoch"),
    "a comer without a configuration": (
        lambda c: c.commit(1, add=(9,)), Reason.MEMBERS, "member 9 gets a leaf and is not in the configuration: add it first"),
    "a comer who is not named": (
        lambda c: changed(c.commit(1, add=(4,)), leaf_keys=()), Reason.MEMBERS, "leaf_keys names 0 keys, and 1 come"),
    "a comer under another name": (
        lambda c: changed(c.commit(1, add=(4,)), leaf_keys=(LeafKey(2, c.key(4).signature_key),)), Reason.MEMBERS, "second leaf"),
    "a key that does not come": (lambda c: changed(c.commit(1), leaf_keys=(c.key(4),)), Reason.MEMBERS, "names 1 keys, and 0 come"),
    "a member named twice": (
        lambda c: changed(c.commit(1, add=(4,)), leaf_keys=(c.key(4), c.key(4))), Reason.MEMBERS, "names a member twice"),
    "a leaf of a member goes": (
        lambda c: c.commit(1, remove=(2,)), Reason.MEMBERS, "the leaf of member 3 goes, and it is still in the configuration"),
    "a second leaf": (second_leaf, Reason.MEMBERS, "member 2 gets a second leaf"),
    "somebody else's leaf goes": (
        lambda c: c.rejoin(4, remove=c.leaf(2)), Reason.MEMBERS, "the leaf of member 2 goes, and it is still in the configuration"),
    "another member's key": (another_member_s_key, Reason.MEMBERS, "members 3 and 5 are given the same leaf key"),
    "the GroupInfo of another epoch": (
        lambda c: changed(c.commit(1), group_info=as_bytes(c.views[1].group_info(with_tree=False, with_external_pub=True))),
        Reason.GROUP_INFO, "another epoch 1 than the one that the commit leads to, 2"),
    "another confirmation tag": (
        lambda c: with_info(c.commit(1), lambda info: replace(info, confirmation_tag=bytes(32)), c), Reason.GROUP_INFO, "confirmation tag"),
    "another's GroupInfo": (
        lambda c: with_info(c.commit(1), lambda info: replace(info, signer=1), c, 2), Reason.GROUP_INFO, "leaf 1 signs the GroupInfo"),
    "a GroupInfo with a tree": (
        lambda c: with_info(c.commit(1), with_extension(ExtensionType.RATCHET_TREE, encode(c.group.public.tree)), c),
        Reason.GROUP_INFO, "has a ratchet_tree: leave it out"),
    "a GroupInfo without external_pub": (
        lambda c: with_info(c.commit(1), without(ExtensionType.EXTERNAL_PUB), c), Reason.GROUP_INFO, "has no external_pub"),
    "an external_pub that is no key": (
        lambda c: with_info(c.commit(1), with_extension(ExtensionType.EXTERNAL_PUB, encode(ExternalPub(b"short"))), c), Reason.KEY, "key"),
    "a forged GroupInfo": (
        lambda c: with_info(c.commit(1), lambda info: replace(info, signature=bytes(64))), Reason.SIGNATURE, "signature"),
    "no Welcome": (lambda c: changed(c.commit(1, add=(4,)), welcome=b""), Reason.WELCOME, "1 are added, and there is no Welcome"),
    "a Welcome for nobody": (lambda c: changed(c.commit(1), welcome=b"w"), Reason.WELCOME, "there is a Welcome, and nobody is added"),
    "a Welcome for somebody else": (
        lambda c: changed(c.commit(1, add=(4,)), welcome=c.create(1, 4).welcome), Reason.WELCOME, "not exactly for the 1 that are added"),
}  # fmt: skip


@pytest.fixture
def cluster() -> Cluster:
    """Three members with a group, and a fourth that is not in it."""
    cluster = created(1, 2, 3)
    cluster.configure(put=(4,))
    return cluster


@pytest.mark.parametrize("case", COMMITS)
def test_what_fails_a_check_changes_nothing(cluster: Cluster, case: str) -> None:
    make, reason, text = COMMITS[case]
    check_refused(cluster, make(cluster), reason, text)


def test_a_commit_without_a_group_is_refused() -> None:
    request = created(1).commit(1)
    cluster = Cluster((1,))
    assert "(stale): there is no group: one must be created first" in cluster.one(request).message


def test_what_was_refused_can_be_proposed_anew(cluster: Cluster) -> None:
    assert cluster.one(an_early_one(cluster)).error == "ConfigurationChanged"
    assert not hasattr(cluster.one(cluster.commit(1)), "error")


LIMITS: dict[str, tuple[Callable[[Cluster], GroupCommit], str]] = {
    "group_proposals_max": (lambda c: c.commit(1, updates=(2, 3)), "the entry has 2 proposals: 1 are the most"),
    "group_entry_bytes_max": (lambda c: c.commit(1), "bytes: 1 are the most"),
    "group_leaves_max": (lambda c: changed(c.commit(1), leaf_keys=(c.key(4), c.key(3))), "leaf_keys names 2 keys: 1 are the most"),
    "group_id_bytes_max": (lambda c: c.commit(1), "group_id has 32 bytes: 1 are the most"),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_size_over_its_limit_is_refused_before_and_after_proposal(cluster: Cluster, limit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, text = LIMITS[limit]
    request = make(cluster)
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), **{limit: 1}))
    with pytest.raises(Refused, match=text):
        cluster.machine.check(CommandKind.GROUP_COMMIT, raw(request))
    result = cluster.one(request)
    assert (result.error, text in result.message) == ("InvalidArgument", True)
    assert cluster.group.public.epoch == 1


def test_a_group_is_not_filled_beyond_its_limit(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), group_leaves_max=3))
    assert "(size): the group has 4 members: 3 are the most" in cluster.one(cluster.commit(1, add=(4,))).message


def test_a_record_over_the_limit_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    request = cluster.commit(1, add=(4,))
    size = len(request.commit) + len(request.group_info) + len(request.welcome)
    cluster.configure(put=range(10, 20))
    big = cluster.create(1, 2, 3, *range(10, 20))
    monkeypatch.setitem(
        rules.RULES, 2, replace(rules.Rules(), group_entry_bytes_max=len(big.group_info) + len(big.tree) + len(big.welcome))
    )
    assert size < rules.RULES[2].group_entry_bytes_max
    assert not hasattr(cluster.one(big), "error")
    monkeypatch.setitem(rules.RULES, 2, replace(rules.Rules(), group_entry_bytes_max=2 * size))
    assert "(size): the group's record has" in cluster.one(cluster.commit(1)).message
