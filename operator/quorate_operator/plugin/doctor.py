"""`kubectl quorate doctor`."""

from __future__ import annotations

import asyncio
import time

import click

from quorate.cli.output import emit_json, emit_rows
from quorate.cli.values import Duration
from quorate_operator.plugin.checks import Check, Installation
from quorate_operator.plugin.clusters import Clusters
from quorate_operator.plugin.failures import Exit
from quorate_operator.plugin.settings import Settings, pass_settings
from quorate_operator.plugin.support_bundle import OPERATOR_NAMESPACE

PAUSE_S = 1.0
TIMEOUT_HELP = "Look again until all is well, for so long. [default: look once]"


@click.command("doctor")
@click.option("--operator-namespace", default=OPERATOR_NAMESPACE, metavar="NAME", help=f"[default: {OPERATOR_NAMESPACE}]")
@click.option("--timeout", "timeout_ms", type=Duration(), default=None, metavar="DURATION", help=TIMEOUT_HELP)
@pass_settings
def command(settings: Settings, operator_namespace: str, timeout_ms: int | None) -> int:
    """Check that the operator is installed and works: the resource and its rules, the operators, their Lease, the members' role.

    Nothing is made: clusters are asked for as a dry run. With --timeout it looks again until all is well. Exit code 1: something is not.

    \b
    Examples:
      kubectl quorate doctor
      kubectl quorate doctor --timeout 2m -o json
    """
    checks = settings.run(lambda clusters: _until_well(clusters, operator_namespace, (timeout_ms or 0) / 1000))
    if settings.format == "json":
        emit_json([{"check": each.name, "ok": each.ok, "message": each.message, "remedy": each.remedy} for each in checks])
    else:
        rows: list[dict[str, object]] = [
            {"check": each.name, "": "ok" if each.ok else "FAILED", "message": each.message, "remedy": each.remedy} for each in checks
        ]
        emit_rows(("check", "", "message", "remedy"), rows, settings.format)
    return Exit.OK if all(each.ok for each in checks) else Exit.ERROR


async def _until_well(clusters: Clusters, operator_namespace: str, timeout_s: float) -> list[Check]:
    begun = time.monotonic()
    installation = Installation(clusters.api, clusters.namespace, operator_namespace)
    while True:
        checks = await installation.check()
        if all(each.ok for each in checks) or time.monotonic() - begun >= timeout_s:
            return checks
        await asyncio.sleep(PAUSE_S)
