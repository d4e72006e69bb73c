"""Applying the entries of the key group to a stage; a refused one is a result, is told to the private half, and changes nothing."""

from __future__ import annotations

from quorate.wire.commands import CommandKind, GroupCommit, GroupCreate
from quorate.wire.results import DoneResult, Result
from quorate_node.machine.group.checks import check_create, check_group_commit
from quorate_node.machine.group.events import GroupCommitted, GroupCreated, GroupEntryRefused
from quorate_node.machine.group.refusal import GroupRefused, Reason
from quorate_node.machine.group.state import encode_group
from quorate_node.machine.rules import KIND_SINCE, Rules
from quorate_node.machine.stage import Stage


def create(stage: Stage, request: GroupCreate) -> Result:
    """GROUP_CREATE. Raises `GroupRefused`."""
    try:
        return _enter(stage, check_create(stage.group, request, stage.index, stage.member_ids(), stage.rules))
    except GroupRefused as refused:
        stage.group_events.append(GroupEntryRefused(request, stage.index, refused.reason, refused.message))
        raise


def commit(stage: Stage, request: GroupCommit) -> Result:
    """GROUP_COMMIT. Raises `GroupRefused`."""
    try:
        return _enter(stage, check_group_commit(stage.group, request, stage.index, stage.member_ids(), stage.rules))
    except GroupRefused as refused:
        stage.group_events.append(GroupEntryRefused(request, stage.index, refused.reason, refused.message))
        raise


def refusal_of_commit(stage: Stage, request: GroupCommit) -> GroupRefused | None:
    """Why a membership entry's commit cannot be applied to `stage`, which has the members after that entry; None if it can."""
    try:
        since = KIND_SINCE[CommandKind.GROUP_COMMIT]
        if since > stage.cluster_version:
            raise GroupRefused(Reason.UNSUPPORTED, f"it needs cluster version {since}, this cluster is at {stage.cluster_version}")
        commit_form(request, stage.rules)
        _check_record(check_group_commit(stage.group, request, stage.index, stage.member_ids(), stage.rules), stage.rules)
    except GroupRefused as refused:
        return refused
    return None


def _enter(stage: Stage, event: GroupCreated | GroupCommitted) -> Result:
    stage.write_group(event.after, _check_record(event, stage.rules))
    stage.group_events.append(event)
    return DoneResult(stage.revision)


def _check_record(event: GroupCreated | GroupCommitted, rules: Rules) -> bytes:
    record = encode_group(event.after)
    if len(record) > rules.group_entry_bytes_max:
        raise GroupRefused(Reason.SIZE, f"the group's record has {len(record)} bytes: {rules.group_entry_bytes_max} are the most")
    return record


def create_form(request: GroupCreate, rules: Rules) -> None:
    """Raises `GroupRefused` for what is too large."""
    _check_bytes(len(request.group_info) + len(request.tree) + len(request.welcome), rules)
    _check_keys(len(request.leaf_keys), rules)


def commit_form(request: GroupCommit, rules: Rules) -> None:
    """Raises `GroupRefused` for what is too large."""
    if len(request.proposals) > rules.group_proposals_max:
        raise GroupRefused(Reason.SIZE, f"the entry has {len(request.proposals)} proposals: {rules.group_proposals_max} are the most")
    if len(request.group_id) > rules.group_id_bytes_max:
        raise GroupRefused(Reason.SIZE, f"group_id has {len(request.group_id)} bytes: {rules.group_id_bytes_max} are the most")
    size = len(request.commit) + len(request.group_info) + len(request.welcome) + sum(map(len, request.proposals))
    _check_bytes(size, rules)
    _check_keys(len(request.leaf_keys), rules)


def _check_bytes(size: int, rules: Rules) -> None:
    if size > rules.group_entry_bytes_max:
        raise GroupRefused(Reason.SIZE, f"the entry's messages have {size} bytes: {rules.group_entry_bytes_max} are the most")


def _check_keys(keys: int, rules: Rules) -> None:
    if keys > rules.group_leaves_max:
        raise GroupRefused(Reason.SIZE, f"leaf_keys names {keys} keys: {rules.group_leaves_max} are the most")
