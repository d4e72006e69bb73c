"""`kubectl quorate hibernate`."""

from __future__ import annotations

import click

from quorate_operator.plugin.arguments import cluster_argument, timeout_option, wait_option
from quorate_operator.plugin.changes import Change, carry_out
from quorate_operator.plugin.settings import Settings, pass_settings


@click.command("hibernate")
@cluster_argument
@wait_option
@timeout_option("5m")
@pass_settings
def command(settings: Settings, name: str, wait: bool, timeout_ms: int) -> None:
    """Stop all pods of CLUSTER and keep the volumes. Nothing is served until `kubectl quorate wake`.

    It sets spec.hibernated to true.

    \b
    Example:
      kubectl quorate hibernate orders --wait
    """
    change = Change(
        lambda found: None if bool(found.spec.get("hibernated")) is True else {"hibernated": True},
        "all pods stop and the volumes stay",
        "it is hibernated already",
        "hibernation",
        lambda found: found.status.phase == "Hibernated",
    )
    carry_out(settings, name, change, wait=wait, timeout_ms=timeout_ms)
