"""The public checks: all that decides about an entry of the key group, with the same verdict on every member.

No clock is read: lifetimes, certificates and CA bundles were checked by the proposer. What only a member of the group can check comes after
the apply, and may fail for one member without any other's noticing.
"""

from __future__ import annotations

from collections.abc import Container

from quorate.wire.commands import GroupCommit, GroupCreate
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.commit_content import Commit, ProposalRef
from quorate_node.crypto.mls.errors import MlsError
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_check import CheckedCommit, check_commit
from quorate_node.crypto.mls.group.group_view import view_group
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.suites import suite_of
from quorate_node.machine.group.events import GroupCommitted, GroupCreated
from quorate_node.machine.group.leaves import bind_leaves
from quorate_node.machine.group.messages import check_group_info, check_welcome, read_message, read_proposals
from quorate_node.machine.group.refusal import GroupRefused, Reason
from quorate_node.machine.group.state import ReplicatedGroup, decode_tree
from quorate_node.machine.rules import Rules


def check_create(current: ReplicatedGroup | None, request: GroupCreate, index: int, members: Container[int], rules: Rules) -> GroupCreated:
    """What the entry at `index` makes. `members`: ids in the configuration. Raises `GroupRefused`."""
    try:
        return _check_create(current, request, index, members, rules)
    except MlsError as error:
        raise GroupRefused.of(error) from error


def check_group_commit(
    current: ReplicatedGroup | None, request: GroupCommit, index: int, members: Container[int], rules: Rules
) -> GroupCommitted:
    """What the entry at `index` makes. `members`: ids in the configuration. Raises `GroupRefused`."""
    if current is None:
        raise GroupRefused(Reason.STALE, "there is no group: one must be created first")
    public = current.public
    if (request.group_id, request.epoch) != (public.group_id, public.epoch):
        text = (
            f"it ends epoch {request.epoch} of group {request.group_id.hex()}, the current one is {public.epoch} of {public.group_id.hex()}"
        )
        raise GroupRefused(Reason.STALE, text)
    try:
        return _check_group_commit(current, request, index, members, rules)
    except MlsError as error:
        raise GroupRefused.of(error) from error


def _check_create(current: ReplicatedGroup | None, request: GroupCreate, index: int, members: Container[int], rules: Rules) -> GroupCreated:
    after_index = 0 if current is None else current.index
    if request.after_index != after_index:
        text = f"it follows the group of entry {request.after_index}, the current one is of entry {after_index}"
        raise GroupRefused(Reason.STALE, text)
    group_info = read_message("group_info", GroupInfo, request.group_info)
    context = group_info.group_context
    past_groups = () if current is None else (*current.past_groups, current.public.group_id)
    _check_group_id(context.group_id, past_groups, rules)
    suite = suite_of(context.cipher_suite)
    check_group_info(group_info, suite)
    tree = decode_tree(request.tree, suite)
    leaves = _check_size(tree, rules)
    first = 0 if leaves == 1 else 1
    if context.epoch != first:
        raise GroupRefused(Reason.GROUP_INFO, f"a fresh group of {leaves} members begins with epoch {first}, not {context.epoch}")
    if len(context.confirmed_transcript_hash) != (suite.hash_bytes if first else 0):
        raise GroupRefused(Reason.GROUP_INFO, f"the transcript hash of epoch {first} has {len(context.confirmed_transcript_hash)} bytes")
    check_welcome(request.welcome, suite, None, leaves - 1)
    leaf_keys = bind_leaves({} if current is None else current.leaf_keys, None, tree, request.leaf_keys, members)
    public = view_group(group_info, tree)
    after = ReplicatedGroup(index, public, group_info, leaf_keys, past_groups[-rules.group_ids_kept :])
    return GroupCreated(request, current, after)


def _check_group_id(group_id: bytes, past_groups: tuple[bytes, ...], rules: Rules) -> None:
    low, high = rules.group_id_bytes_min, rules.group_id_bytes_max
    if not low <= len(group_id) <= high:
        raise GroupRefused(Reason.GROUP_ID, f"the group id has {len(group_id)} bytes: {low} to {high} are allowed")
    if group_id in past_groups:
        raise GroupRefused(Reason.GROUP_ID, f"group {group_id.hex()} was there before: a new group has a fresh id")


def _check_size(tree: RatchetTree, rules: Rules) -> int:
    leaves = sum(1 for _ in tree.members())
    if leaves > rules.group_leaves_max:
        raise GroupRefused(Reason.SIZE, f"the group has {leaves} members: {rules.group_leaves_max} are the most")
    return leaves


def _check_group_commit(
    current: ReplicatedGroup, request: GroupCommit, index: int, members: Container[int], rules: Rules
) -> GroupCommitted:
    public = current.public
    message = read_message("commit", PublicMessage, request.commit)
    _check_form(message, len(request.proposals))
    messages, proposals = read_proposals(public, request.proposals)
    checked = check_commit(public, message.authenticated(), proposals)
    if checked.after.reinit is not None:
        raise GroupRefused(Reason.PATH, "the commit ends the group: a fresh one is created by an entry of its own")
    _check_size(checked.after.tree, rules)
    packages = [package.reference(public.suite) for _, package in checked.applied.added]
    check_welcome(request.welcome, public.suite, packages, len(packages))
    group_info = _group_info_after(request.group_info, checked)
    leaf_keys = bind_leaves(current.leaf_keys, public.tree, checked.after.tree, request.leaf_keys, members)
    after = ReplicatedGroup(index, checked.after, group_info, leaf_keys, current.past_groups)
    return GroupCommitted(request, current, after, message, messages, checked)


def _check_form(message: PublicMessage, proposals: int) -> None:
    """Cheap, before any signature is verified: a path, and all proposals of the entry are named."""
    body = message.content.body
    if not isinstance(body, Commit):
        raise GroupRefused(Reason.CODEC, f"commit is a {message.content.content_type.name.lower()}: it must be a commit")
    if body.path is None:
        raise GroupRefused(Reason.PATH, "the commit has no path: without fresh keys a stolen one goes on opening what comes")
    named = sum(isinstance(item, ProposalRef) for item in body.proposals)
    if named != proposals:
        raise GroupRefused(
            Reason.PROPOSALS, f"the commit names {named} proposals by reference and the entry has {proposals}: send exactly those"
        )


def _group_info_after(data: bytes, checked: CheckedCommit) -> GroupInfo:
    """The committer's word for the epoch that its commit leads to."""
    group_info, after = read_message("group_info", GroupInfo, data), checked.after
    if encode(group_info.group_context) != after.encoded_context:
        text = f"the GroupInfo is of another epoch {group_info.group_context.epoch} than the one that the commit leads to, {after.epoch}"
        raise GroupRefused(Reason.GROUP_INFO, text)
    if group_info.confirmation_tag != checked.confirmation_tag:
        raise GroupRefused(Reason.GROUP_INFO, "the GroupInfo has another confirmation tag than the commit")
    if group_info.signer != checked.applied.committer:
        raise GroupRefused(Reason.GROUP_INFO, f"leaf {group_info.signer} signs the GroupInfo, and {checked.applied.committer} the commit")
    check_group_info(group_info, after.suite)
    group_info.verify(after.suite, after.tree.member(group_info.signer).signature_key)
    return group_info
