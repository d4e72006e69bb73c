"""`kubectl quorate pause`."""

from __future__ import annotations

import click

from quorate_operator.plugin.arguments import cluster_argument, timeout_option, wait_option
from quorate_operator.plugin.changes import Change, carry_out
from quorate_operator.plugin.settings import Settings, pass_settings


@click.command("pause")
@cluster_argument
@wait_option
@timeout_option("1m")
@pass_settings
def command(settings: Settings, name: str, wait: bool, timeout_ms: int) -> None:
    """Let the operator change nothing about CLUSTER. Failover, rejoining and leader hand-over go on: they need no operator.

    It sets spec.paused to true.

    \b
    Example:
      kubectl quorate pause orders --wait
    """
    change = Change(
        lambda found: None if bool(found.spec.get("paused")) is True else {"paused": True},
        "the operator changes nothing any more; failover goes on",
        "it is paused already",
        "pausing",
        lambda found: found.status.phase == "Paused",
    )
    carry_out(settings, name, change, wait=wait, timeout_ms=timeout_ms)
