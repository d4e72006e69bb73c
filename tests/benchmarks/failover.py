"""How long writes stop when the leader dies or is cut off: from the fault to the first write that is acknowledged after it."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.benchmarks.peers.etcd import EtcdCluster
from tests.benchmarks.peers.ours import OurCluster
from tests.cluster.harness.network import Network
from tests.cluster.ports import free_ports

ATTEMPT_TIMEOUT_S = 0.25
PAUSE_S = 0.005
GIVE_UP_S = 30.0


@dataclass(frozen=True)
class Outages:
    """Durations in ms, sorted."""

    durations_ms: list[float]

    def percentile(self, share: float) -> float:
        return self.durations_ms[min(len(self.durations_ms) - 1, int(share * len(self.durations_ms)))]


async def _put(session: aiohttp.ClientSession, url: str) -> bool:
    text = base64.b64encode(b"failover").decode()
    path = "/v1/put" if url.endswith("#quorate") else "/v3/kv/put"
    try:
        async with session.post(url.split("#", maxsplit=1)[0] + path, data=json.dumps({"key": text, "value": text}),
                                headers={"content-type": "application/json", "x-quorate-timeout-ms": "250"}) as answer:  # fmt: skip
            await answer.read()
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def first_acknowledged(urls: list[str], since_s: float) -> float:
    """ms from `since_s` until one of the members acknowledged a write that was sent after it; each is asked on its own, again and again."""

    async def until_one(url: str) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ATTEMPT_TIMEOUT_S)) as session:
            while not await _put(session, url):
                await asyncio.sleep(PAUSE_S)

    tasks = [asyncio.create_task(until_one(url)) for url in urls]
    done, waiting = await asyncio.wait(tasks, timeout=GIVE_UP_S, return_when=asyncio.FIRST_COMPLETED)
    took_ms = (time.monotonic() - since_s) * 1000.0
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    if not done:
        raise RuntimeError(f"no write was acknowledged for {GIVE_UP_S} s after the fault")
    return took_ms


def _urls(cluster: OurCluster | EtcdCluster, without: int) -> list[str]:
    return [f"http://127.0.0.1:{port}#{cluster.name}" for number, port in enumerate(cluster.client_ports) if number != without]


def _settled_leader(cluster: OurCluster | EtcdCluster) -> int:
    deadline = time.monotonic() + GIVE_UP_S
    while True:
        leader = cluster.leader()
        if leader is not None:
            return leader
        if time.monotonic() > deadline:
            raise RuntimeError("no leader")
        time.sleep(0.05)


def killed(cluster: OurCluster | EtcdCluster, times: int, say: Callable[[str], None]) -> Outages:
    """kill -9 of the leader, `times` over; it comes back and catches up each time."""
    found = []
    for number in range(times):
        leader = _settled_leader(cluster)
        asyncio.run(first_acknowledged(_urls(cluster, leader), time.monotonic()))
        cluster.kill_member(leader)
        found.append(asyncio.run(first_acknowledged(_urls(cluster, leader), time.monotonic())))
        say(f"  {cluster.name} kill {number + 1}/{times}: {found[-1]:.0f} ms")
        cluster.start_member(leader)
        if isinstance(cluster, OurCluster):
            cluster.wait_ready(leader)
        else:
            _settled_leader(cluster)
        time.sleep(1.0)
    return Outages(sorted(found))


async def cut_off(directory: Path, times: int, say: Callable[[str], None]) -> Outages:
    """The leader is cut off from the others, whose connections to it stay open and silent."""
    wires = free_ports(3)
    cluster = OurCluster(directory, 3, wires)
    network = Network(wires, cluster.peer_ports, lambda: dict(enumerate(cluster.pids())))
    await network.start()
    found = []
    try:
        await asyncio.to_thread(cluster.start)
        for number in range(times):
            leader = await asyncio.to_thread(_settled_leader, cluster)
            begun_s = time.monotonic()
            network.isolate(leader)
            found.append(await first_acknowledged(_urls(cluster, leader), begun_s))
            say(f"  cut off {number + 1}/{times}: {found[-1]:.0f} ms")
            network.heal()
            await asyncio.sleep(2.0)
    finally:
        cluster.stop()
        await network.close()
    return Outages(sorted(found))
