"""In-test members and a client with short timeouts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from quorate import Cluster
from tests.unit.client.fake_member import FakeMember
from tests.unit.client.fake_state import FakeState
from tests.unit.client.fast_options import FAST


@pytest.fixture
def state() -> FakeState:
    return FakeState()


@pytest.fixture
async def member(state: FakeState) -> AsyncIterator[FakeMember]:
    started = await FakeMember(state).start()
    yield started
    await started.stop()


@pytest.fixture
async def members(state: FakeState) -> AsyncIterator[list[FakeMember]]:
    """Three members over one state, the first leading."""
    started = [await FakeMember(state, number).start() for number in (1, 2, 3)]
    for each in started:
        each.leader_url = started[0].url
    yield started
    for each in started:
        await each.stop()


@pytest.fixture
async def cluster(member: FakeMember) -> AsyncIterator[Cluster]:
    async with Cluster([member.url], options=FAST) as opened:
        yield opened


@pytest.fixture
def served(state: FakeState) -> Iterator[FakeMember]:
    """A member on a loop of another thread, since this one will block."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    member = asyncio.run_coroutine_threadsafe(FakeMember(state).start(), loop).result()
    yield member
    asyncio.run_coroutine_threadsafe(member.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
