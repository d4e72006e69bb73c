"""Members and leadership."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web

from quorate_node.api.http.answers import (
    EmptyAnswer,
    LeaderAnswer,
    MemberAnswer,
    MemberIdAnswer,
    MembersAnswer,
    ProgressAnswer,
)
from quorate_node.api.http.bodies import MemberAddBody, MemberChangeBody, MemberReplaceBody, NoBody, TransferBody
from quorate_node.api.http.context import answer, context_of, identifier, query_of, read_body
from quorate_node.api.http.decoding import BodyDecoder
from quorate_node.api.http.integers import int64
from quorate_node.api.http.problem import Problem
from quorate_node.api.http.queries import MemberQuery, NoQuery
from quorate_node.replica.service import MemberInfo

NAME_CHARACTERS_MAX = 253
URL_CHARACTERS_MAX = 2048
PRIORITY_MAX = 2**31 - 1
_add = BodyDecoder[MemberAddBody](MemberAddBody)
_change = BodyDecoder[MemberChangeBody](MemberChangeBody)
_replace = BodyDecoder[MemberReplaceBody](MemberReplaceBody)
_transfer = BodyDecoder[TransferBody](TransferBody)
_nothing = BodyDecoder[NoBody](NoBody)


async def member_list(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    service = context_of(request).service
    index, members = service.members()
    return answer(MembersAnswer(str(service.cluster_id), str(index), [_member(member) for member in members]))


def _member(member: MemberInfo) -> MemberAnswer:
    progress = member.progress
    shown = None
    if progress is not None:
        shown = ProgressAnswer(progress.state, str(progress.match_index), progress.recent_active, str(progress.lag_entries))
    return MemberAnswer(
        str(member.member_id), member.name, member.role, member.peer_url, member.client_url, member.priority, shown
    )


async def member_add(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _add.decode(await read_body(request))
    member_id = await context_of(request).service.add_member(
        _url(body.peer_url),
        _name(body.name),
        witness=body.witness,
        non_voting=body.non_voting,
        priority=int64(body.priority, "priority", 0, PRIORITY_MAX),
        expected_configuration_index=_expected(body.expected_configuration_index),
    )
    return answer(MemberIdAnswer(str(member_id)))


async def member_promote(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _change.decode(await read_body(request) or b"{}")
    expected = _expected(body.expected_configuration_index)
    await context_of(request).service.promote_member(identifier(request), expected_configuration_index=expected)
    return answer(EmptyAnswer())


async def member_remove(request: web.Request) -> web.StreamResponse:
    expected = _expected(query_of(request, MemberQuery).expected_configuration_index)
    await context_of(request).service.remove_member(identifier(request), expected_configuration_index=expected)
    return answer(EmptyAnswer())


async def member_replace(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _replace.decode(await read_body(request))
    member_id = await context_of(request).service.replace_member(
        identifier(request),
        _url(body.peer_url),
        _name(body.name),
        expected_configuration_index=_expected(body.expected_configuration_index),
    )
    return answer(MemberIdAnswer(str(member_id)))


async def leader(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    service = context_of(request).service
    member_id, client_url = service.leader()
    if not member_id:
        applied = service.machine.applied_index  # Raises NotReady, with what it waits for, where there is no cluster that could have one.
        text = f"this member, which has applied entry {applied}, knows no leader at the moment: try again after an election timeout"
        raise Problem("NoLeader", text)
    return answer(LeaderAnswer(str(member_id), client_url))


async def leader_transfer(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    body = _transfer.decode(await read_body(request) or b"{}")
    service = context_of(request).service
    new_leader = await service.transfer_leadership(int64(body.to, "to"))
    known, client_url = service.leader()
    return answer(LeaderAnswer(str(new_leader), client_url if known == new_leader else ""))


async def leader_step_down(request: web.Request) -> web.StreamResponse:
    query_of(request, NoQuery)
    _nothing.decode(await read_body(request) or b"{}")
    await context_of(request).service.step_down()
    return answer(EmptyAnswer())


def _expected(index: int | str | None) -> int | None:
    return None if index is None else int64(index, "expected_configuration_index")


def _url(url: str) -> str:
    """A peer's URL: a scheme, a host and a port, nothing more."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https", "ws", "wss", "tcp", "grpc") and bool(parts.hostname) and parts.port is not None
        valid = valid and not parts.username and parts.path in ("", "/") and not parts.query and len(url) <= URL_CHARACTERS_MAX
    except ValueError:
        valid = False
    if not valid or not url.isprintable():
        raise Problem("InvalidArgument", f"field `peer_url`: {url[:100]!r} is no address of a peer; send one like http://host:7601")
    return url


def _name(name: str) -> str:
    if len(name) > NAME_CHARACTERS_MAX or not (name.isprintable() or not name):
        raise Problem("InvalidArgument", f"field `name`: at most {NAME_CHARACTERS_MAX} printable characters are taken")
    return name
