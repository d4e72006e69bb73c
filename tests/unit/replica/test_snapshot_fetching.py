"""A snapshot's fetching ends in one of three ways: it is installed, the next offer is waited for, or the member stops."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import cast

import msgspec
import pytest

from quorate_node.machine.interface import Refused, SnapshotSink
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.replica.snapshot_fetching import SnapshotDownload, SnapshotFetcher
from quorate_node.store.errors import Backpressure, NoSpace, StoreFailed
from quorate_node.transport.interface import PeerFailure

OFFER = Message(MessageType.SNAPSHOT, to=2, sender=1, snapshot=SnapshotMetadata(10, 1, Configuration()))


class Download:
    """Fetches nothing, or breaks."""

    progress = (0, 0)

    def __init__(self, *breaks: BaseException) -> None:
        self.breaks = list(breaks)

    async def fetch(self, sender: int, index: int) -> tuple[SnapshotSink | None, Path | None]:
        if self.breaks:
            raise self.breaks.pop(0)
        return None, None


class Follower:
    def __init__(self, *breaks: BaseException) -> None:
        self.installed: list[int] = []
        self.failures: list[BaseException] = []
        self.fetcher = SnapshotFetcher(cast(SnapshotDownload, Download(*breaks)), self._install, self.failures.append)

    async def _install(self, message: Message, sink: SnapshotSink, application: Path | None) -> None:
        assert message.snapshot is not None
        self.installed.append(message.snapshot.index)

    async def is_offered(self) -> None:
        self.fetcher.offered(OFFER)
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    "broken",
    [
        PeerFailure("it is gone", sent=True),
        Refused("Compacted", "it was let go"),
        NoSpace("the disk is full"),
        Backpressure("it would stall"),
        OSError(errno.ENOSPC, "the disk is full"),
        msgspec.DecodeError("not what was asked for"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_what_a_peer_or_a_full_disk_spoils_is_tried_again_at_the_next_offer(broken: BaseException) -> None:
    follower = Follower(broken)
    await follower.is_offered()
    assert (follower.installed, follower.failures) == ([], [])
    await follower.is_offered()
    assert (follower.installed, follower.failures) == ([10], [])


async def test_a_store_that_fails_stops_the_member() -> None:
    """The task is nobody's to wait for: an error that it kept to itself would leave a member that never catches up and looks well."""
    broken = StoreFailed("a sync returned an error")
    follower = Follower(broken)
    await follower.is_offered()
    assert (follower.installed, follower.failures) == ([], [broken])
