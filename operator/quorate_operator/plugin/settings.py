"""What every verb needs: where the API server is, and how to print."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from quorate_operator.plugin.clusters import Clusters

T = TypeVar("T")
OUTPUTS = ("table", "json", "plain")


@dataclass
class Settings:
    """The global options, given before or after the verb."""

    kubeconfig: str = ""
    context: str = ""
    namespace: str = ""
    output: str = ""

    @property
    def format(self) -> str:
        """The output asked for; else a table for a terminal and plain lines for a pipe."""
        return self.output or ("table" if sys.stdout.isatty() else "plain")

    def run(self, work: Callable[[Clusters], Awaitable[T]]) -> T:
        """Connect, do the work, close. Raises `Failure` and `PluginError`."""

        async def connected() -> T:
            from quorate_operator.clients.kubernetes_api import KubernetesApi
            from quorate_operator.plugin.clusters import MANAGER, Clusters
            from quorate_operator.plugin.connection import connect

            connection = await connect(self.kubeconfig, self.context, self.namespace)
            api = KubernetesApi(connection.configuration, MANAGER)
            api.warned = Warnings(self.output == "json")
            try:
                return await work(Clusters(api, connection.namespace))
            finally:
                await api.close()

        return asyncio.run(connected())


class Warnings:
    """On stderr as kubectl does it, each once: an edit that was overtaken is made again, and warned of again."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._told: set[str] = set()

    def __call__(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            click.echo(json.dumps({"warning": text}, ensure_ascii=False) if self._as_json else f"Warning: {text}", err=True)


pass_settings = click.make_pass_decorator(Settings)
