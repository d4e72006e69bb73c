"""What the members say, in the words of `decide/world.py`."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence

from quorate.answers import Members, Progress, Status
from quorate_operator.clients.errors import MemberFailure
from quorate_operator.clients.members import MemberApi
from quorate_operator.decide.world import Answer, Lag, Member, Membership
from quorate_operator.objects.identity import API_PORT, Object

LAG_NONE_ENTRIES = 16
"""A busy leader is always a few entries ahead of everybody: that is no lag."""
LAG_SMALL_ENTRIES = 64
"""What the node promotes a learner with, by default (`replica.promotion_lag_entries`)."""


def url_of(pod: Object, scheme: str) -> str:
    """Empty while the pod has no address."""
    address = pod.get("status", {}).get("podIP", "")
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}://{host}:{API_PORT}" if address else ""


async def ask(
    api: MemberApi, pods: Sequence[Object], scheme: str, tls: ssl.SSLContext | None
) -> tuple[dict[str, Answer], Membership | None]:
    """All at the same time. Answers by the pods' uids; the membership as the leader tells it, if one leads."""
    urls = {pod["metadata"]["uid"]: url for pod in pods if (url := url_of(pod, scheme))}
    statuses = await asyncio.gather(*(_status(api, url, tls) for url in urls.values()))
    answered = {uid: status for uid, status in zip(urls, statuses, strict=True) if status is not None}
    answers = {uid: answer(status) for uid, status in answered.items()}
    return answers, await _membership(api, urls, answered, tls)


async def _status(api: MemberApi, url: str, tls: ssl.SSLContext | None) -> Status | None:
    try:
        return await api.status(url, tls)
    except MemberFailure:
        return None  # that nobody answers there is what was to be found out


def answer(status: Status) -> Answer:
    return Answer(status.cluster_id, status.member_id, status.role, status.term, status.version, max(status.cluster_version, 1))


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
            Member(each.member_id, each.name, each.role != "learner", _lag(each.member_id == leader_id, each.progress))
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
