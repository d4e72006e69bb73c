"""Clocks that jump: leases live by log time, and neither a wall clock nor a new boot's monotonic clock may end or prolong one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.cluster.conftest import StartCluster, faketime_library, needs_faketime, needs_root, needs_unshare
from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.verdict import judge

LONG_TTL_MS, SHORT_TTL_MS = 900_000, 5_000
"""The long one outlives any test, and is less than a jump."""


async def grant(cluster: ClusterUnderTest, ttl_ms: int, key: str) -> None:
    """A lease with one key. Asked again when leadership moves just then: the lease that counts is the one the key got last."""

    async def granted() -> bool:
        leader = await cluster.leader()
        lease = int((await cluster.api.call(leader.url, "POST", "/v1/leases", {"ttl_ms": str(ttl_ms)}))["lease"])
        return await cluster.api.put(leader.url, key, "held", lease=lease) > 0

    await cluster.until(granted, f"a lease of {ttl_ms} ms")


async def holds(cluster: ClusterUnderTest, key: str) -> bool:
    found: list[str | None] = []

    async def read() -> bool:
        found.append((await cluster.api.get((await cluster.leader()).url, key)).value)
        return True

    await cluster.until(read, f"a read of {key}")
    return found[-1] == "held"


class WallClocks:
    """The wall clocks of all members, moved while they run. Their monotonic clocks go on as they are, as the kernel's do."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        library = faketime_library()
        assert library is not None
        self._library = library

    def _file(self, number: int) -> Path:
        return self._directory / f"clock-{number}"

    def environment(self, number: int) -> Mapping[str, str]:
        self.jump(number, 0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file(number)),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, number: int, seconds: int) -> None:
        self._file(number).write_text(f"{seconds:+d}s\n" if seconds else "+0s\n")


@needs_faketime
@pytest.mark.parametrize("seconds", [3_600, -3_600])
async def test_a_wall_clock_that_jumps_by_an_hour(seconds: int, start_cluster: StartCluster, tmp_path: Path) -> None:
    clocks = WallClocks(tmp_path)
    # libfaketime gets the timed waits of threads wrong (the interpreter's own lock among them), so the log is the one without a thread.
    cluster = await start_cluster(settings={"store": {"log_backend": "file"}})
    for member in cluster.members:  # one after the other: a rolling restart under the movable clocks
        await member.stop()
        await member.start(environment=clocks.environment(member.number))
        await cluster.wait_voters(3)
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await grant(cluster, LONG_TTL_MS, "long")
    granted_s = time.monotonic()
    await grant(cluster, SHORT_TTL_MS, "short")
    leader = await cluster.leader()
    for number in (leader.number, (leader.number + 1) % 3):
        clocks.jump(number, seconds)
    await cluster.until(lambda: _gone(cluster, "short"), "the end of the short lease")
    lived_s = time.monotonic() - granted_s
    assert lived_s >= SHORT_TTL_MS / 1000, f"a lease of {SHORT_TTL_MS} ms ended after {lived_s:.2f} s because a wall clock jumped"
    assert await holds(cluster, "long"), "a lease ended early because a wall clock jumped"
    await judge(cluster, await clients.stop(), tmp_path)


@needs_root
@needs_unshare
async def test_a_boot_with_another_monotonic_clock_keeps_log_time(start_cluster: StartCluster, tmp_path: Path) -> None:
    """After a reboot the monotonic clock begins elsewhere: log time goes on from the last entry, not from the clock."""
    cluster = await start_cluster()
    clients = Clients([member.url for member in cluster.members])
    clients.start()
    await grant(cluster, LONG_TTL_MS, "long")
    for offset_s in (10_000_000, 0):
        leader = await cluster.leader()
        await leader.kill()
        await leader.start(prefix=["unshare", "-T", "--fork", "--kill-child", f"--monotonic={offset_s}", f"--boottime={offset_s}"])
        await leader.wait_ready()
        await cluster.lead(leader)  # so that its clock stamps what comes
        assert await holds(cluster, "long"), "a lease ended because a monotonic clock began elsewhere"
    await judge(cluster, await clients.stop(), tmp_path)


async def _gone(cluster: ClusterUnderTest, key: str) -> bool:
    return not await holds(cluster, key)
