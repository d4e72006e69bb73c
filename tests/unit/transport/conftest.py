from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

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
    for member in members:
        await member.stop()
