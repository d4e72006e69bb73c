"""Run a command while something is held: forward its exit code, stop it when the hold is lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from quorate.recipes.held import Held

STOP_GRACE_S = 5.0
"""Between SIGTERM and SIGKILL for a command whose lock is lost."""


async def run_while_held(held: Held, program: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command's exit code (128 + signal when one ended it, 126 or 127 when it cannot be started).

    Cancelled (a lost lock, an interrupt), it stops the command first and then lets the cancellation through.
    """
    held.check()
    try:
        process = await asyncio.create_subprocess_exec(*program, env=os.environ | dict(environment))
    except OSError as failed:
        click.echo(f"quorate: {program[0]}: {failed.strerror}", err=True)
        return 127 if isinstance(failed, FileNotFoundError) else 126
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_GRACE_S)
            except TimeoutError:
                process.kill()
                await process.wait()
        raise
    return 128 - code if code < 0 else code
