"""Every documented metric of a working cluster moves when its thing happens, or has the right value."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import pairwise

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

import quorate
from quorate_node.telemetry.definitions import METRICS
from tests.cluster.conftest import StartCluster
from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member
from tests.unit.replica.test_metrics import FAULTS

MOVED = frozenset(
    "api_requests api_request_seconds api_connections_accepted api_handovers api_limit_hits api_received_bytes api_read_batch"
    " api_watch_events api_stream_requests proposals proposal_batch forwards reads read_barrier_seconds commit_seconds apply_seconds"
    " commit_index applied_index term leader_changes elections snapshots_sent snapshots_installed revision compacted_revision leases"
    " sessions commands_applied fsync_seconds log_written_bytes log_size_bytes state_size_bytes peer_sent_bytes peer_received_bytes"
    " peer_dropped loop_lag_seconds notable_events".split()
)
"""Grow on some member while `_use_everything` runs."""
VALUED = frozenset(
    "api_connections api_requests_inflight api_watches api_streams proposals_pending is_leader has_leader disk_free_bytes peer_connected"
    " peer_handshakes_refused peer_non_voting_refused".split()
)
"""Have a value that is checked below."""

VALUES_TIMEOUT_S = 30.0

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def scrape(url: str) -> Samples:
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as answer:
        assert answer.status == 200
        text = await answer.text()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(samples: Samples, name: str) -> float:
    """Of all labels; of a histogram, the observations."""
    return sum(value for (found, _), value in samples.items() if found in (name, f"{name}_count"))


async def test_every_documented_metric_moves_or_is_right(start_cluster: StartCluster) -> None:
    settings = {"replica": {"compact_every_entries": 60, "log_keep_entries": 5, "compact_check_ms": 50}}
    cluster = await start_cluster(settings=settings)
    assert {metric.attribute for metric in METRICS} == MOVED | VALUED | FAULTS, "a metric that no test moves"
    seen = [await _scrape_all(cluster)]
    leader = await cluster.leader()
    behind, other = [member for member in cluster.members if member is not leader]
    async with quorate.Cluster([member.url for member in cluster.members]) as client:
        await _use_everything(cluster, client, leader, other)
        watching = asyncio.ensure_future(anext(aiter(client.watch(b"nothing"))))
        await cluster.until(lambda: _shown(cluster, "quorate_api_watches"), "an open watch")
        await cluster.until(lambda: _shown(cluster, "quorate_api_streams"), "an open stream")
        watching.cancel()
        await _wait_values(cluster)
        await _hold_a_write(cluster, leader)
        seen.append(await _scrape_all(cluster))
        await _fall_behind(cluster, client, behind)
        seen.append(await _scrape_all(cluster))
        await _lose_the_leader(cluster, client)
        seen.append(await _scrape_all(cluster))
    names = {metric.attribute: metric.name for metric in METRICS}
    still = [name for attribute, name in sorted(names.items()) if attribute in MOVED and not _moved(seen, name)]
    assert still == []


async def _shown(cluster: ClusterUnderTest, name: str) -> bool:
    return sum([total(await scrape(member.url), name) for member in cluster.members]) >= 1


async def _scrape_all(cluster: ClusterUnderTest) -> dict[str, Samples]:
    return {member.name: await scrape(member.url) for member in cluster.members}


def _moved(seen: Sequence[Mapping[str, Samples]], name: str) -> bool:
    """Whether it grew on some member from one scrape to the next; one that was restarted counts from zero again."""
    return any(total(later[member], name) > total(earlier[member], name) for earlier, later in pairwise(seen) for member in later)


async def _use_everything(cluster: ClusterUnderTest, client: quorate.Cluster, leader: Member, other: Member) -> None:
    first = asyncio.ensure_future(anext(aiter(client.watch(b"k", prefix=True, start_revision=1))))
    revision = (await client.put(b"k", b"v")).revision
    assert (await client.get(b"k")) is not None
    await first
    await client.lease_grant(60_000)
    await cluster.api.put(other.url, "forwarded", "yes")
    assert (await cluster.api.get(leader.url, "k")).value == "v"
    await client.compact(revision)
    sent = {"content-type": "application/json"}
    async with aiohttp.ClientSession() as session, session.post(f"{leader.url}/v1/put", data=bytes(5 << 20), headers=sent) as large:
        assert large.status == 413


async def _wait_values(cluster: ClusterUnderTest) -> None:
    """Until the leader's are right, whoever leads: what is under way ends in a moment. Raises the last AssertionError."""
    deadline_s = time.monotonic() + VALUES_TIMEOUT_S
    while True:
        try:
            _check_values(await scrape((await cluster.leader()).url), cluster)
            return
        except AssertionError:
            if time.monotonic() > deadline_s:
                raise
            await asyncio.sleep(0.1)


def _check_values(samples: Samples, cluster: ClusterUnderTest) -> None:
    """At the leader."""
    assert samples[("quorate_is_leader", ())] == samples[("quorate_has_leader", ())] == 1
    assert samples[("quorate_proposals_pending", ())] == 0
    assert samples[("quorate_api_connections", ())] >= 1
    assert samples[("quorate_api_requests_inflight", ())] == 0
    free = shutil.disk_usage(cluster.members[0].data).free
    assert abs(samples[("quorate_disk_free_bytes", ())] - free) < 1 << 30
    assert [value for (name, _), value in samples.items() if name == "quorate_peer_connected"] == [1, 1]
    assert {labels: value for (name, labels), value in samples.items() if name == "quorate_peer_handshakes_refused_total"} == {
        (("by", "us"),): 0,
        (("by", "peer"),): 0,
    }
    assert {labels: value for (name, labels), value in samples.items() if name == "quorate_peer_non_voting_refused_total"} == {
        (("what", "handshake"),): 0,
        (("what", "message"),): 0,
        (("what", "request"),): 0,
    }


async def _hold_a_write(cluster: ClusterUnderTest, leader: Member) -> None:
    """While nobody else answers, a write is in flight; in the end it is done, or nobody knows."""
    others = [member for member in cluster.members if member is not leader]
    for member in others:
        member.freeze()
    writing = asyncio.ensure_future(cluster.api.put(leader.url, "held", "v"))
    try:
        while not (await scrape(leader.url))[("quorate_api_requests_inflight", ())]:
            assert not writing.done(), "it ended, and was never seen to be in flight"
            await asyncio.sleep(0.02)
    finally:
        for member in others:
            member.thaw()
    with suppress(Refused, Unknown):
        await writing


async def _fall_behind(cluster: ClusterUnderTest, client: quorate.Cluster, behind: Member) -> None:
    """One member misses more than the log keeps and needs a snapshot."""
    await behind.kill()
    for number in range(200):
        await client.put(b"k%d" % number, bytes(200))
    await behind.start()
    await cluster.wait_ready()
    await cluster.wait_equal()


async def _lose_the_leader(cluster: ClusterUnderTest, client: quorate.Cluster) -> None:
    leader = await cluster.leader()
    await leader.kill()
    await cluster.leader(among=[member for member in cluster.members if member is not leader])
    await client.put(b"after", b"v")
    await leader.start()
    await cluster.wait_ready()
    await cluster.wait_equal()
