"""`kubectl quorate resume`."""

from __future__ import annotations

import click

from quorate_operator.plugin.arguments import cluster_argument, timeout_option, wait_option
from quorate_operator.plugin.changes import Change, carry_out
from quorate_operator.plugin.settings import Settings, pass_settings


@click.command("resume")
@cluster_argument
@wait_option
@timeout_option("1m")
@pass_settings
def command(settings: Settings, name: str, wait: bool, timeout_ms: int) -> None:
    """Let the operator work on a paused CLUSTER again.

    It sets spec.paused to false.

    \b
    Example:
      kubectl quorate resume orders --wait
    """
    change = Change(
        lambda found: None if bool(found.spec.get("paused")) is False else {"paused": False},
        "the operator works on it again",
        "it is not paused",
        "resuming",
        lambda found: found.status.phase != "Paused",
    )
    carry_out(settings, name, change, wait=wait, timeout_ms=timeout_ms)
