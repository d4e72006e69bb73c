"""`quorate elect`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from quorate.cli.output import emit_fields, emit_json, emit_line, kv_json, plain, text
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import DURATION, not_empty

if TYPE_CHECKING:
    from quorate.cluster import Cluster
    from quorate.wire.results import KeyValue


@click.command("elect")
@click.argument("name", callback=not_empty)
@click.argument("proposal", required=False)
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
@click.option("--ttl", type=DURATION, default="10s", show_default=True, help="When we die, another leads after this.")
@click.option("--wait", type=DURATION, help="Campaign so long at most (exit code 8).  [default: for ever]")
@click.option("--observe", is_flag=True, help="Do not campaign; print the leader, and each that follows.")
@click.option("--once", is_flag=True, help="With --observe: print the present leader (exit code 4 when nobody leads).")
@pass_settings
def command(
    settings: Settings, name: str, proposal: str | None, program: tuple[str, ...], ttl: int, wait: int | None, observe: bool, once: bool
) -> int:
    """Campaign in election NAME with PROPOSAL as the value to proclaim; lead while PROGRAM runs, or until interrupted.

    PROGRAM gets QUORATE_ELECTION_NAME, QUORATE_ELECTION_KEY and QUORATE_FENCING_TOKEN. Exit code 6 when leadership is lost.

    \b
    Examples:
      quorate elect scheduler host-7:8080
      quorate elect scheduler host-7:8080 -- ./scheduler
      quorate elect scheduler --observe
    """
    if observe:
        if proposal is not None:
            raise click.UsageError("--observe takes no PROPOSAL")
        return settings.run(lambda cluster: _observe(cluster, name, once, settings.format))
    if proposal is None:
        raise click.UsageError("give a PROPOSAL to campaign with, or --observe")

    async def lead(cluster: Cluster) -> int:
        from quorate.cli.holding import run_while_held
        from quorate.recipes.election import Election

        async with Election(cluster, name, value=proposal, ttl_ms=ttl, timeout_s=None if wait is None else wait / 1000) as election:
            key = election.key.decode()
            if not program:
                emit_fields({"name": name, "key": key, "proposal": proposal, "fencing_token": election.token}, settings.format)
                await asyncio.Event().wait()
            names = {"QUORATE_ELECTION_NAME": name, "QUORATE_ELECTION_KEY": key, "QUORATE_FENCING_TOKEN": str(election.token)}
            return await run_while_held(election, program, names)
        raise AssertionError("the election suppresses no exception")

    return settings.run(lead)


async def _observe(cluster: Cluster, name: str, once: bool, output: str) -> int:
    from quorate.cli.exits import Exit
    from quorate.recipes.election import Election

    election = Election(cluster, name)
    if once:
        leader = await election.leader()
        _print(leader, output)
        return Exit.OK if leader is not None else Exit.NOT_FOUND
    async for leader in election.observe():
        _print(leader, output)
    return Exit.OK


def _print(leader: KeyValue | None, output: str) -> None:
    if output == "json":
        emit_json({"leader": None if leader is None else kv_json(leader)})
    elif leader is None:
        click.echo("nobody leads", err=True)
    else:
        emit_line(plain(leader.value) if output == "plain" else text(leader.value))
