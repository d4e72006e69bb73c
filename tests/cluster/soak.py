"""Faults without end: `make soak-cluster`. Every round a random fault under load, then a verdict."""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.cluster.harness.clients import Clients
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.disk import begin_write
from tests.cluster.harness.verdict import judge

Fault = Callable[[ClusterUnderTest, random.Random], Awaitable[None]]
BUILD = Path(__file__).resolve().parents[2] / "build"


async def kill_one(cluster: ClusterUnderTest, generator: random.Random) -> None:
    victim = generator.choice(cluster.members)
    await victim.kill()
    await asyncio.sleep(generator.uniform(0.1, 3.0))
    await victim.start()


async def kill_all(cluster: ClusterUnderTest, generator: random.Random) -> None:
    await asyncio.gather(*(member.kill() for member in cluster.members))
    for member in cluster.members:
        await member.start()


async def tear_one(cluster: ClusterUnderTest, generator: random.Random) -> None:
    victim = generator.choice(cluster.members)
    await victim.kill()
    begin_write(victim.data, generator.randrange(1, 60))
    await victim.start()


async def freeze_leader(cluster: ClusterUnderTest, generator: random.Random) -> None:
    leader = await cluster.leader()
    leader.freeze()
    await asyncio.sleep(generator.uniform(0.2, 4.0))
    leader.thaw()


async def isolate_one(cluster: ClusterUnderTest, generator: random.Random) -> None:
    assert cluster.network is not None
    cluster.network.isolate(generator.randrange(len(cluster.members)))
    await asyncio.sleep(generator.uniform(0.2, 4.0))
    cluster.network.heal()


async def cut_some(cluster: ClusterUnderTest, generator: random.Random) -> None:
    assert cluster.network is not None
    count = len(cluster.members)
    pairs = [(one, other) for one in range(count) for other in range(count) if one != other]
    cluster.network.cut(generator.sample(pairs, generator.randrange(1, len(pairs))))
    await asyncio.sleep(generator.uniform(0.2, 4.0))
    cluster.network.heal()


async def stop_one(cluster: ClusterUnderTest, generator: random.Random) -> None:
    victim = generator.choice(cluster.members)
    await victim.stop()
    await victim.start()


FAULTS: tuple[Fault, ...] = (kill_one, kill_all, tear_one, freeze_leader, isolate_one, cut_some, stop_one)


async def soak(minutes: float, seed: int, directory: Path) -> int:
    """Rounds survived. Raises what a round found, after saying which seed and round it was."""
    deadline_s = time.monotonic() + minutes * 60.0
    generator = random.Random(seed)
    rounds = 0
    while time.monotonic() < deadline_s:
        rounds += 1
        place = directory / f"round-{rounds}"
        async with ClusterUnderTest(place, wires=True) as cluster:
            await cluster.start()
            clients = Clients([member.url for member in cluster.members], seed=generator.randrange(2**31))
            clients.start()
            chosen = [generator.choice(FAULTS) for _ in range(6)]
            print(f"round {rounds}: {', '.join(fault.__name__ for fault in chosen)}", flush=True)
            for fault in chosen:
                await asyncio.sleep(generator.uniform(0.3, 1.5))
                await fault(cluster, generator)
                await cluster.wait_ready()
            versions = await judge(cluster, await clients.stop(), place)
            print(f"  sound: {len(versions)} changes, {len(clients.operations)} operations", flush=True)
        shutil.rmtree(place)
    return rounds


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=60.0)
    arguments.add_argument("--seed", type=int, default=int(time.time()))
    given = arguments.parse_args()
    BUILD.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="soak-cluster-", dir=BUILD))
    print(f"seed {given.seed}; what a failed round leaves is in {directory}", flush=True)
    rounds = asyncio.run(soak(given.minutes, given.seed, directory))
    directory.rmdir()
    print(f"{rounds} rounds, nothing lost")


if __name__ == "__main__":
    main()
