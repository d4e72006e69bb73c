"""What people see of a cluster, made from its resource alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quorate_operator.plugin.clusters import Seen

if TYPE_CHECKING:
    from rich.console import RenderableType

MEMBER_COLUMNS = ("pod", "role", "member id", "term", "version", "lag", "node", "zone")
PLAN_COLUMNS = ("step", "action", "why", "waits for")
CONDITION_COLUMNS = ("condition", "is", "reason", "since", "message")
CLUSTER_COLUMNS = ("namespace", "name", "phase", "ready", "leader", "version", "next")
_BAD = {"Available": "False", "Degraded": "True"}


def member_rows(found: Seen) -> list[dict[str, object]]:
    """A member's certificate and GPU have columns of their own where any has one."""
    rows: list[dict[str, object]] = []
    for each in found.status.members:
        row: dict[str, object] = {
            "pod": each.pod, "role": each.role, "member id": each.member_id, "term": each.term, "version": each.version,
            "lag": each.lag, "node": each.node, "zone": each.zone,
        }  # fmt: skip
        if any(other.gpu for other in found.status.members):
            row["gpu"] = each.gpu
        rows.append(row)
    return rows


def plan_rows(found: Seen) -> list[dict[str, object]]:
    return [{"step": each.step, "action": each.action, "why": each.why, "waits for": each.waits_for} for each in found.status.plan]


def condition_rows(found: Seen) -> list[dict[str, object]]:
    return [
        {"condition": each.type, "is": each.status, "reason": each.reason, "since": each.last_transition_time, "message": each.message}
        for each in found.status.conditions
    ]


def cluster_row(found: Seen) -> dict[str, object]:
    status = found.status
    following = status.plan[-1].waits_for or status.plan[-1].why if status.plan else ""
    return {
        "namespace": found.namespace,
        "name": found.name,
        "phase": status.phase or "Unknown",
        "ready": f"{status.ready_replicas}/{found.spec.get('replicas', '?')}",
        "leader": status.leader,
        "version": status.version,
        "next": following,
    }


def headline(found: Seen) -> str:
    """One line that says how it stands."""
    status = found.status
    parts = [
        f"{found.namespace}/{found.name}: {status.phase or 'Unknown'}",
        f"{status.ready_replicas} of {found.spec.get('replicas', '?')} ready",
        f"{status.leader} leads in term {status.term}" if status.leader else "nobody leads",
    ]
    if status.injection.members:
        parts.append(f"{status.injection.members} non-voting")
    if status.version:
        parts.append(f"release {status.version}")
    return ", ".join(parts)


def notices(found: Seen) -> list[str]:
    """What the tables alone would let one overlook."""
    told = []
    if not found.up_to_date:
        seen_generation = found.status.observed_generation
        told.append(f"The operator has seen generation {seen_generation} of {found.generation}: all this is about the resource before.")
    if found.spec.get("paused"):
        told.append("spec.paused is true: the operator changes nothing; failover goes on.")
    if found.item["metadata"].get("deletionTimestamp"):
        told.append("The resource is being deleted.")
    told += [f"Pod {each.pod} asks for a member beside it and has none: {each.reason}." for each in found.status.injection.missing]
    return told


def dashboard(found: Seen) -> RenderableType:
    """The whole of `kubectl quorate status`, for a terminal."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(headline(found), style=f"bold {_colour(found)}")]
    parts += [Text(each, style="yellow") for each in notices(found)]
    conditions = [{**row, "_style": "red" if _BAD.get(str(row["condition"])) == row["is"] else ""} for row in condition_rows(found)]
    parts += [Text(""), _table(CONDITION_COLUMNS, conditions, "")]
    if found.status.members:
        members = [{**row, "_style": "bold" if row["role"] == "leader" else ""} for row in member_rows(found)]
        parts += [Text(""), _table(tuple(name for name in members[0] if name != "_style"), members, "")]
    plan = plan_rows(found)
    parts.append(Text(""))
    parts.append(_table(PLAN_COLUMNS, plan, "Plan") if plan else Text("Plan: nothing is to be done."))
    return Group(*parts)


def _colour(found: Seen) -> str:
    if found.status.phase in ("Hibernated", "Paused", ""):
        return "yellow"
    if not found.true("Available"):
        return "red"
    return "yellow" if found.true("Degraded") or found.true("Progressing") else "green"


def _table(columns: tuple[str, ...], rows: list[dict[str, object]], title: str) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title or None, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD, show_edge=False)
    table.padding = (0, 1, 0, 0)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column not in ("message", "why", "waits for", "next"))
    for row in rows:
        table.add_row(*(Text(str(row[column])) for column in columns), style=str(row.get("_style", "")) or None)
    return table
