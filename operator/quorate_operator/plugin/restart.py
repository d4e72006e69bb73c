"""`kubectl quorate restart`."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from quorate_operator.objects.identity import Object
from quorate_operator.plugin.arguments import cluster_argument, timeout_option, wait_option
from quorate_operator.plugin.changes import Change, carry_out
from quorate_operator.plugin.clusters import Seen
from quorate_operator.plugin.failures import Refused
from quorate_operator.plugin.settings import Settings, pass_settings


@click.command("restart")
@cluster_argument
@wait_option
@timeout_option("15m")
@pass_settings
def command(settings: Settings, name: str, wait: bool, timeout_ms: int) -> None:
    """Restart every member of CLUSTER once: one at a time, each only while all others are well, the leader last.

    It sets spec.restartedAt to the present time.

    \b
    Example:
      kubectl quorate restart orders --wait
    """
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def edit(found: Seen) -> Object:
        if found.spec.get("paused") or found.spec.get("hibernated"):
            state, verb = ("paused", "resume") if found.spec.get("paused") else ("hibernated", "wake")
            raise Refused(f"spec.{state} is true: nothing would be restarted", f"`kubectl quorate {verb} {name}` first")
        return {"restartedAt": now}

    change = Change(
        edit,
        "all members have been restarted" if wait else f"its members are being restarted one at a time: `kubectl quorate status {name} -w`",
        "nothing was changed",
        "the restart",
        lambda found: not found.true("Upgrading") and found.true("Available") and not found.true("Progressing"),
    )
    carry_out(settings, name, change, wait=wait, timeout_ms=timeout_ms)
