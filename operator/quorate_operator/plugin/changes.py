"""A verb that sets one field: edits, says what follows, and waits when asked to."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import click

from quorate.cli.output import emit_json
from quorate_operator.objects.identity import Object
from quorate_operator.plugin.clusters import Clusters, Seen
from quorate_operator.plugin.settings import Settings


@dataclass(frozen=True)
class Change:
    """`edit` as in `Clusters.edit`. `done` and `what` are for waiting."""

    edit: Callable[[Seen], Object | None]
    changed: str
    """What follows, as a sentence."""
    unchanged: str
    what: str
    done: Callable[[Seen], bool]


def carry_out(settings: Settings, name: str, change: Change, *, wait: bool, timeout_ms: int) -> None:
    async def work(clusters: Clusters) -> tuple[Seen, bool]:
        found, changed = await clusters.edit(name, change.edit)
        if wait:
            generation = found.generation
            found = await clusters.wait(
                name,
                change.what,
                lambda now: now.status.observed_generation >= generation and change.done(now),
                timeout_ms / 1000,
                Teller(settings.format != "json"),
            )
        return found, changed

    found, changed = settings.run(work)
    report(settings, found, changed, change.changed if changed else change.unchanged)


def report(settings: Settings, found: Seen, changed: bool, sentence: str) -> None:
    if settings.format == "json":
        emit_json({"namespace": found.namespace, "name": found.name, "changed": changed, "phase": found.status.phase, "message": sentence})
    else:
        click.echo(f"{found.namespace}/{found.name}: {sentence}")


class Teller:
    """On stderr, for people: a line whenever what is next has changed."""

    def __init__(self, speaks: bool) -> None:
        self._speaks = speaks
        self._last = ""

    def __call__(self, found: Seen) -> None:
        plan = found.status.plan
        # What the operator said of the resource as it was before would only mislead.
        line = (plan[-1].waits_for or plan[-1].why) if plan and found.up_to_date else ""
        if self._speaks and line and line != self._last:
            self._last = line
            print(f"  {line}", file=sys.stderr, flush=True)
