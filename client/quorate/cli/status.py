"""`quorate status`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import click

from quorate.cli.exits import Exit
from quorate.cli.output import emit_json, emit_rows
from quorate.cli.settings import Settings, pass_settings

if TYPE_CHECKING:
    from quorate.answers import Status
    from quorate.cluster import Cluster

ANSWER_TIMEOUT_S = 3.0
"""A frozen member must not hold up what is known of the others."""
COLUMNS = ("name", "endpoint", "role", "term", "applied", "revision", "size", "alarms")


@click.command("status")
@pass_settings
def command(settings: Settings) -> int:
    """Ask every endpoint, and every member they know, how it is doing. Exit code 3 when none answers, or none leads.

    \b
    Examples:
      quorate status
      quorate status -o json | jq '.[] | select(.errors != [])'
    """
    found = settings.run(_ask_all)
    if settings.format == "json":
        emit_json([_json(url, status) for url, status in found])
    else:
        emit_rows(COLUMNS, [_row(url, status) for url, status in found], settings.format)
    leads = any(not isinstance(status, str) and (status.role == "leader" or status.leader_id) for _, status in found)
    return Exit.OK if leads else Exit.UNREACHABLE


async def _ask_all(cluster: Cluster) -> list[tuple[str, Status | str]]:
    """(endpoint, its status or what went wrong), for the endpoints given and the members that they know."""
    from quorate.endpoints import normalise
    from quorate.exceptions import QuorateError

    async def ask(url: str) -> tuple[str, Status | str]:
        try:
            return url, await cluster.status(url, timeout_s=min(ANSWER_TIMEOUT_S, cluster.options.timeout_s))
        except QuorateError as failed:
            return url, failed.message

    given = sorted(cluster.endpoints)
    answers = await asyncio.gather(*(ask(url) for url in given))
    seen = {status.member_id for _, status in answers if not isinstance(status, str) and status.member_id}
    more: list[str] = []
    if seen:
        with contextlib.suppress(QuorateError):  # the endpoints' own answers are worth printing without the list of members
            known = [each for each in (await cluster.members()).members if each.client_url and each.member_id not in seen]
            more = [url for url in (normalise(each.client_url) for each in known) if url not in given]
    return [*answers, *await asyncio.gather(*(ask(url) for url in more))]


def _row(url: str, status: Status | str) -> dict[str, object]:
    if isinstance(status, str):
        return {**dict.fromkeys(COLUMNS, ""), "endpoint": url, "alarms": status}
    return {
        "name": status.name or status.member_id,
        "endpoint": url,
        "role": status.role,
        "term": status.term,
        "applied": status.applied_index,
        "revision": status.revision,
        "size": _size(status.log_size_bytes + status.state_size_bytes),
        "alarms": ", ".join(status.errors),
    }


def _size(size_bytes: int) -> str:
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def _json(url: str, status: Status | str) -> dict[str, object]:
    if isinstance(status, str):
        return {"endpoint": url, "reachable": False, "errors": [status]}
    fields = {name: getattr(status, name) for name in status.__struct_fields__}
    texts = {name: str(value) if isinstance(value, int) and name != "cluster_version" else value for name, value in fields.items()}
    return {"endpoint": url, "reachable": True, **texts, "errors": list(status.errors)}
