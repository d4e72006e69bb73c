"""Wait for a change of a key or range, or for the loss of the waiter's lease, whichever comes first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from quorate.exceptions import WatchCompacted

if TYPE_CHECKING:
    from quorate.lease import Lease
    from quorate.watch import Watch


@asynccontextmanager
async def at_most(timeout_s: float | None, waiting_for: str) -> AsyncIterator[None]:
    """`asyncio.timeout`, whose `TimeoutError` says what was waited for and how long. None: for ever."""
    limit = asyncio.timeout(timeout_s)
    try:
        async with limit:
            yield
    except TimeoutError as late:
        if not limit.expired():
            raise
        raise TimeoutError(f"waited {timeout_s:g} s for {waiting_for}") from late


async def next_change(watch: Watch, lease: Lease | None = None) -> None:
    """Return after one change, or when the history was compacted (look again, something may have changed).

    Closes the watch. Raises `LeaseLost` when the lease is gone first.
    """
    changed = asyncio.create_task(watch.next())
    lost = asyncio.create_task(lease.lost.wait()) if lease is not None else None
    try:
        await asyncio.wait({changed} | ({lost} if lost is not None else set()), return_when=asyncio.FIRST_COMPLETED)
        if lease is not None:
            lease.check()
        try:
            await changed
        except WatchCompacted:
            return
    finally:
        for task in (changed, lost):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in (changed, lost) if task is not None), return_exceptions=True)
        await watch.close()
