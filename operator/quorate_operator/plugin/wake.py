"""`kubectl quorate wake`."""

from __future__ import annotations

import click

from quorate_operator.plugin.arguments import cluster_argument, timeout_option, wait_option
from quorate_operator.plugin.changes import Change, carry_out
from quorate_operator.plugin.settings import Settings, pass_settings


@click.command("wake")
@cluster_argument
@wait_option
@timeout_option("5m")
@pass_settings
def command(settings: Settings, name: str, wait: bool, timeout_ms: int) -> None:
    """Start the pods of a hibernated CLUSTER on the volumes that they had.

    It sets spec.hibernated to false.

    \b
    Example:
      kubectl quorate wake orders --wait
    """
    change = Change(
        lambda found: None if bool(found.spec.get("hibernated")) is False else {"hibernated": False},
        "its pods start on their volumes",
        "it is not hibernated",
        "waking",
        lambda found: found.true("Available"),
    )
    carry_out(settings, name, change, wait=wait, timeout_ms=timeout_ms)
