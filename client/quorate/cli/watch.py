"""`quorate watch`."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import TYPE_CHECKING

import click

from quorate.cli.key_range import KeyRange, takes_key_range
from quorate.cli.output import emit_json, emit_line, event_json, plain, text
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import FROM_ONE, FROM_ZERO

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.wire.results import Event


@click.command("watch")
@takes_key_range("watches")
@click.option("--revision", type=FROM_ZERO, default=0, help="From this revision on; 0 is from now.")
@click.option("--previous", is_flag=True, help="Also print what was there before.")
@click.option("--no-put", is_flag=True)
@click.option("--no-delete", is_flag=True)
@click.option("--count", type=FROM_ONE, help="Stop after so many changes.")
@click.option("--exec", "program", metavar="COMMAND", help="Run COMMAND by the shell at each change.")
@click.option("--keep-going", is_flag=True, help="Go on when COMMAND fails.")
@pass_settings
def command(
    settings: Settings,
    keys: KeyRange,
    revision: int,
    previous: bool,
    no_put: bool,
    no_delete: bool,
    count: int | None,
    program: str | None,
    keep_going: bool,
) -> int:
    """Print every change of KEY, a range or a prefix, until interrupted. Goes on by itself after any failure.

    With --exec, COMMAND gets the value on its stdin, and QUORATE_EVENT (put or delete), QUORATE_KEY (when it can be text),
    QUORATE_KEY_BASE64 and QUORATE_REVISION. One runs at a time; none is skipped. When one fails, watch ends with its exit code.

    \b
    Examples:
      quorate watch greeting
      quorate watch --prefix config/ --exec 'systemctl reload app'
      quorate watch --prefix jobs/ --revision 100 -o json
    """
    start, end, prefix, _ = keys

    async def follow(cluster: Cluster) -> int:
        left = count
        watch = cluster.watch(start, end, prefix=prefix, start_revision=revision, previous=previous, no_put=no_put, no_delete=no_delete)
        async with watch:
            async for event in watch.events():
                code = await _execute(program, event) if program is not None else _print(event, settings.format)
                if code and not keep_going:
                    click.echo(f"quorate: {program!r} ended with exit code {code}; --keep-going goes on", err=True)
                    return code
                left = None if left is None else left - 1
                if left == 0:
                    return 0
        return 0

    return settings.run(follow)


def _print(event: Event, output: str) -> int:
    kv = event.kv
    kind = "delete" if event.type else "put"
    if output == "json":
        emit_json(event_json(event))
    elif output == "plain":
        emit_line(kind, kv.mod_revision, plain(kv.key), plain(kv.value))
    else:
        before = f"  (was {text(event.previous.value)})" if event.previous is not None else ""
        shown = click.style(f"{kind:6}", fg="red" if event.type else "green")
        click.echo(f"{kv.mod_revision:>10}  {shown}  {text(kv.key)}  {text(kv.value)}{before}")
    return 0


async def _execute(program: str, event: Event) -> int:
    kv = event.kv
    environment = os.environ | {
        "QUORATE_EVENT": "delete" if event.type else "put",
        "QUORATE_KEY_BASE64": base64.b64encode(kv.key).decode(),
        "QUORATE_REVISION": str(kv.mod_revision),
    }
    if b"\0" not in kv.key:
        environment["QUORATE_KEY"] = os.fsdecode(kv.key)
    process = await asyncio.create_subprocess_shell(program, stdin=asyncio.subprocess.PIPE, env=environment)
    try:
        await process.communicate(kv.value)
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    return process.returncode or 0
