"""What the members say, in the words of `decide/world.py`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterable, Mapping, Sequence

from quorate.answers import Members, Progress, Status
from quorate_operator.clients.errors import Failure, MemberFailure
from quorate_operator.clients.members import MemberApi
from quorate_operator.decide.world import Answer, Certificate, Lag, Member, Membership
from quorate_operator.objects.identity import API_PORT, Object

ATTEMPTS_MAX = 4
LAG_NONE_ENTRIES = 16
"""A busy leader is always a few entries ahead of everybody: that is no lag."""
LAG_SMALL_ENTRIES = 64
"""What the node promotes a learner with, by default (`replica.promotion_lag_entries`)."""


def url_of(pod: Object, scheme: str) -> str:
    """Empty while the pod has no address."""
    address = pod.get("status", {}).get("podIP", "")
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{API_PORT}" if address else ""


class Changing(Failure):
    """The members change faster than they can be looked at."""


Answers = dict[str, Answer]


async def ask(api: MemberApi, pods: Sequence[Object], scheme: str, tls: ssl.SSLContext | None) -> tuple[Answers, Membership | None]:
    """Answers by the pods' uids; the membership as the leader tells it, if one leads. Raises `Changing`.

    Both are of one moment: a member that joined between two questions would look like one whose pod has lost its data. Where they do not
    fit together, the pods are asked again until the configuration was the same before and after.
    """
    urls = {pod["metadata"]["uid"]: url for pod in pods if (url := url_of(pod, scheme))}
    answered = await _statuses(api, urls, tls)
    told = await _membership(api, urls, answered, tls)
    for _ in range(ATTEMPTS_MAX):
        if told is None or _fit(answered.values(), told):
            return _answers(answered), told
        before = told.configuration_index
        answered = await _statuses(api, urls, tls)
        told = await _membership(api, urls, answered, tls)
        if told is not None and told.configuration_index == before:
            return _answers(answered), told
    raise Changing("Changing", "the members change faster than they can be looked at; they are looked at again")


def _fit(answered: Iterable[Status], told: Membership) -> bool:
    """Every pod that belongs to a cluster is a member, and no other has a member's name."""
    ids = {member.member_id for member in told.members}
    names = {member.name for member in told.members}
    return all(status.member_id in ids if status.member_id else status.name not in names for status in answered)


async def _statuses(api: MemberApi, urls: Mapping[str, str], tls: ssl.SSLContext | None) -> dict[str, Status]:
    """All at the same time; of those that answer."""
    statuses = await asyncio.gather(*(_status(api, url, tls) for url in urls.values()))
    return {uid: status for uid, status in zip(urls, statuses, strict=True) if status is not None}


def _answers(answered: Mapping[str, Status]) -> Answers:
    return {uid: answer(status) for uid, status in answered.items()}


async def _status(api: MemberApi, url: str, tls: ssl.SSLContext | None) -> Status | None:
    try:
        return await api.status(url, tls)
    except MemberFailure:
        return None  # that nobody answers there is what was to be found out


def answer(status: Status) -> Answer:
    told = status.certificate
    certificate = Certificate(told.not_before, told.expires_at, told.authority, told.trusted) if told is not None else None
    version = max(status.cluster_version, 1)
    return Answer(status.cluster_id, status.member_id, status.role, status.term, status.version, version, certificate)


async def _membership(
    api: MemberApi, urls: Mapping[str, str], answered: Mapping[str, Status], tls: ssl.SSLContext | None
) -> Membership | None:
    """The one with the highest term, when two call themselves leader: the other has not heard of it yet."""
    leading = [(status.term, uid) for uid, status in answered.items() if status.role == "leader"]
    if not leading:
        return None
    _, uid = max(leading)
    try:
        return membership(await api.members(urls[uid], tls), answered[uid].member_id)
    except MemberFailure:
        return None  # no quorum has confirmed it: then nobody leads, as far as is known here


def membership(members: Members, leader_id: int) -> Membership:
    return Membership(
        members.configuration_index,
        leader_id,
        tuple(
            Member(
                each.member_id,
                each.name,
                each.role not in ("learner", "non-voting"),
                _lag(each.member_id == leader_id, each.progress),
                each.role == "non-voting",
            )
            for each in members.members
        ),
    )


def _lag(leads: bool, progress: Progress | None) -> Lag:
    if leads:
        return Lag.NONE
    if progress is None or not progress.recent_active:
        return Lag.UNKNOWN
    if progress.lag_entries <= LAG_NONE_ENTRIES:
        return Lag.NONE
    return Lag.SMALL if progress.lag_entries <= LAG_SMALL_ENTRIES else Lag.LARGE
