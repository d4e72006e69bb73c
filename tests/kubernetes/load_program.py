"""Runs in a pod of its own: four writers, each reading its own key back, until SIGTERM; then one line of JSON (`load.py` reads it)."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from itertools import pairwise

from quorate import Cluster
from quorate.exceptions import QuorateError
from quorate.options import Options

WRITERS = 4
SHOWN_MAX = 20
# What a client that lists all members may be set to: it gives a connection up quickly, since others are there.
OPTIONS = Options(timeout_s=20.0, connect_timeout_s=0.3)


class Seen:
    """What happened, so far."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.failures: list[str] = []
        self.wrong: list[str] = []

    def report(self) -> str:
        gaps = sorted(((later - earlier, earlier) for earlier, later in pairwise(self.times)), reverse=True)[:10]
        shown = {"failures": self.failures[:SHOWN_MAX], "wrong": self.wrong[:SHOWN_MAX]}
        return json.dumps({"writes": len(self.times), "gaps": gaps, **shown})


async def write(cluster: Cluster, key: str, stop: asyncio.Event, seen: Seen) -> None:
    number = 0
    while not stop.is_set():
        number += 1
        try:
            await cluster.put(key, str(number))
            seen.times.append(time.time())
            found = await cluster.get(key)
            if found is None or found.value != str(number).encode():
                seen.wrong.append(f"{key} is {found} after {number} was acknowledged")
        except QuorateError as failure:
            seen.failures.append(f"{time.time():.3f} {type(failure).__name__}: {failure}")
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.005)


async def main(urls: list[str]) -> None:
    stop, seen = asyncio.Event(), Seen()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with Cluster(urls, options=OPTIONS) as cluster:
        await cluster.put("ready", "yes")
        print("writing", flush=True)
        await asyncio.gather(*(write(cluster, f"writer-{number}", stop, seen) for number in range(WRITERS)))
    print(seen.report(), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1].split(",")))
