"""Arguments and options that several verbs share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import click

from quorate.cli.values import Duration

F = TypeVar("F", bound=Callable[..., Any])
COMPLETION_TIMEOUT_S = 2.0


def cluster_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Completion: the clusters of the namespace; nothing when the API server does not answer soon."""
    from quorate_operator.clients.errors import Failure
    from quorate_operator.plugin.clusters import Clusters
    from quorate_operator.plugin.failures import PluginError
    from quorate_operator.plugin.settings import Settings

    async def ask(clusters: Clusters) -> list[str]:
        return [each.name for each in await asyncio.wait_for(clusters.list(), COMPLETION_TIMEOUT_S)]

    settings = ctx.find_root().ensure_object(Settings)
    try:
        return [name for name in settings.run(ask) if name.startswith(incomplete)]
    except (Failure, PluginError, OSError, TimeoutError):
        return []


def cluster_argument(function: F) -> F:
    return click.argument("name", metavar="CLUSTER", shell_complete=cluster_names)(function)


def timeout_option(default: str) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        text = f"How long to wait. [default: {default}]"
        return click.option("--timeout", "timeout_ms", type=Duration(), default=default, metavar="DURATION", help=text)(function)

    return decorate


def wait_option(function: F) -> F:
    return click.option("--wait", is_flag=True, help="Return when it is done.")(function)
