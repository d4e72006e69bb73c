"""`kubectl quorate certificates`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from quorate.cli.output import emit_json, emit_rows
from quorate_operator.objects.identity import Object
from quorate_operator.plugin.arguments import cluster_argument
from quorate_operator.plugin.changes import report
from quorate_operator.plugin.clusters import Seen
from quorate_operator.plugin.failures import Refused
from quorate_operator.plugin.settings import Settings, pass_settings

ROTATING = "its CA is replaced: the new one is trusted first, then signs, then the old one is dropped; nothing restarts"


@click.command("certificates")
@cluster_argument
@click.option("--rotate-authority", is_flag=True, help="Replace the operator's own CA of this cluster (spec.tls.rotateAuthorityAt).")
@pass_settings
def command(settings: Settings, name: str, rotate_authority: bool) -> None:
    """Show until when the certificates of CLUSTER's members are valid, and where they come from.

    \b
    Examples:
      kubectl quorate certificates orders
      kubectl quorate certificates orders --rotate-authority
    """
    if rotate_authority:
        now = datetime.now(UTC)
        found, changed = settings.run(lambda clusters: clusters.edit(name, lambda seen: _rotated(seen, now)))
        report(settings, found, changed, ROTATING)
        return
    found = settings.run(lambda clusters: clusters.get(name))
    rows = certificate_rows(found, datetime.now(UTC))
    mode = found.spec.get("tls", {}).get("mode", "Disabled")
    if settings.format == "json":
        emit_json({"mode": mode, "certificates": rows})
        return
    if mode == "Disabled":
        click.echo(f"{found.namespace}/{found.name}: spec.tls.mode is Disabled: there are no certificates", err=True)
        return
    if settings.format == "table":
        click.echo(f"{found.namespace}/{found.name}: spec.tls.mode is {mode}")
    emit_rows(("pod", "expires at", "days left"), rows, settings.format)


def certificate_rows(found: Seen, now: datetime) -> list[dict[str, object]]:
    """`days left` is empty where the operator does not know the date: it asks members of its own issuer alone."""
    rows: list[dict[str, object]] = []
    for member in found.status.members:
        at = member.certificate_expires_at
        left = (datetime.fromisoformat(at) - now).days if at else ""
        rows.append({"pod": member.pod, "expires at": at, "days left": left})
    return rows


def _rotated(found: Seen, now: datetime) -> Object:
    mode = found.spec.get("tls", {}).get("mode", "Disabled")
    if mode != "Operator":
        remedy = "replace it where it comes from: members read it again by themselves"
        raise Refused(f"spec.tls.mode is {mode}: its CA is not the operator's", remedy)
    return {"tls": {"rotateAuthorityAt": now.strftime("%Y-%m-%dT%H:%M:%SZ")}}
