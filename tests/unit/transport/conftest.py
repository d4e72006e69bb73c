from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import uvloop

from tests.unit.transport.loopback_members import Member, StartMember


@pytest.fixture
async def start_member() -> AsyncIterator[StartMember]:
    """Starts members; all of them are stopped at the end."""
    members: list[Member] = []

    async def start(member_id: int, *, identity: dict[str, int] | None = None, **settings: Any) -> Member:
        member = Member(member_id, **(identity or {}))
        await member.start(**settings)
        members.append(member)
        return member

    yield start
    await asyncio.gather(*(member.transport.close() for member in members))
    # Handshakes that were under way see their end while the loop still runs; Python 3.13 complains of those that outlive it.
    await asyncio.sleep(0.02)
    for member in members:
        await member.stop()


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Both loops: members run on uvloop, whose transports and sockets are not asyncio's."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
