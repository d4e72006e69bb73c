"""`quorate lock`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import click

from quorate.cli.output import emit_fields
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import DURATION, not_empty

if TYPE_CHECKING:
    from quorate.cluster import Cluster


@click.command("lock", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": True})
@click.argument("name", callback=not_empty)
@click.argument("program", nargs=-1, type=click.UNPROCESSED)
@click.option("--ttl", type=DURATION, default="10s", show_default=True, help="When we die, others get the lock after this.")
@click.option("--wait", type=DURATION, help="Wait so long at most (exit code 8).  [default: for ever]")
@click.option("--value", default="", help="Say who holds it: the value of the lock's key.")
@pass_settings
def command(settings: Settings, name: str, program: tuple[str, ...], ttl: int, wait: int | None, value: str) -> int:
    """Hold lock NAME while PROGRAM runs; without PROGRAM, until interrupted.

    First come, first served. PROGRAM gets QUORATE_LOCK_NAME, QUORATE_LOCK_KEY and QUORATE_FENCING_TOKEN, a number greater than that of
    every holder before: give it to the storage it writes to, so that the storage can refuse a holder that was paused.
    When the lock is lost, PROGRAM gets SIGTERM, 5 s later SIGKILL, and the exit code is 6. Else it is PROGRAM's own.

    \b
    Examples:
      quorate lock nightly -- ./backup.sh
      quorate lock deploy --wait 30s -- make deploy
      quorate lock maintenance                 # prints the key and token, holds until Ctrl-C
    """

    async def hold(cluster: Cluster) -> int:
        from quorate.cli.holding import run_while_held
        from quorate.recipes.lock import Lock

        async with Lock(cluster, name, value=value, ttl_ms=ttl, timeout_s=None if wait is None else wait / 1000) as lock:
            key = lock.key.decode()
            if not program:
                emit_fields({"name": name, "key": key, "fencing_token": lock.token}, settings.format)
                await asyncio.Event().wait()
            names = {"QUORATE_LOCK_NAME": name, "QUORATE_LOCK_KEY": key, "QUORATE_FENCING_TOKEN": str(lock.token)}
            return await run_while_held(lock, program, names)
        raise AssertionError("the lock suppresses no exception")

    return settings.run(hold)
