"""The wires between members, as a campaign moves them: who hears whom, how late, and how badly.

A direction without a fault goes over the bridge, at the kernel's speed. One with a fault is routed through the emulator.
Several faults may be on one direction at once: they are kept apart by name and their worst is what the wire does.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from tests.cluster.campaign.impairment import Impairment
from tests.cluster.campaign.namespaces import Namespaces

REPOSITORY = Path(__file__).resolve().parents[3]
ANSWER_TIMEOUT_S = 30.0
Pair = tuple[int, int]
"""(source, target), by member number."""


def combined(impairments: Iterable[Impairment]) -> Impairment:
    """Delays add up, the worse probability and the lower rate count, and one cut is a cut."""
    all_of_them = list(impairments)
    rates = [each.rate_bytes_per_s for each in all_of_them if each.rate_bytes_per_s]
    return Impairment(
        drop=any(each.drop for each in all_of_them),
        delay_ms=sum(each.delay_ms for each in all_of_them),
        jitter_ms=sum(each.jitter_ms for each in all_of_them),
        loss=max((each.loss for each in all_of_them), default=0.0),
        duplicate=max((each.duplicate for each in all_of_them), default=0.0),
        reorder=max((each.reorder for each in all_of_them), default=0.0),
        rate_bytes_per_s=min(rates, default=0),
    )


class Wires:
    """Use: `await start()`, `await impair(...)`, `await clear(...)`, `await close()`."""

    def __init__(self, namespaces: Namespaces, seed: int) -> None:
        self._namespaces = namespaces
        self._seed = seed
        self._process: asyncio.subprocess.Process | None = None
        self._faults: dict[str, dict[Pair, Impairment]] = {}
        self._present: dict[Pair, Impairment] = {}
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        spaces = self._namespaces
        devices = [f"{spaces.tun_name(number)}={spaces.address(number)}" for number in range(spaces.count)]
        words = ["setpriv", "--pdeathsig", "KILL", sys.executable, "-m", "tests.cluster.campaign.emulator", str(self._seed), *devices]
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(*words, stdin=pipe, stdout=pipe, cwd=REPOSITORY)
        await self._expect("ready")
        for number in range(spaces.count):
            spaces.take_tun(number)

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            await self._process.wait()

    async def impair(self, fault: str, pairs: Mapping[Pair, Impairment]) -> None:
        """Put a fault on these directions, under a name that `clear` takes."""
        async with self._turn:
            self._faults[fault] = dict(pairs)
            await self._settle()

    async def clear(self, fault: str) -> None:
        async with self._turn:
            self._faults.pop(fault, None)
            await self._settle()

    async def _settle(self) -> None:
        wanted: dict[Pair, Impairment] = {}
        for pair in sorted({pair for pairs in self._faults.values() for pair in pairs}):
            wanted[pair] = combined(pairs[pair] for pairs in self._faults.values() if pair in pairs)
        idle = Impairment()
        changed = {pair: wanted.get(pair, idle) for pair in sorted(set(wanted) | set(self._present))}
        changed = {pair: after for pair, after in changed.items() if after != self._present.get(pair, idle)}
        if changed:
            await self._tell(changed)
            rerouted: dict[int, dict[int, bool]] = {}
            for (source, target), after in changed.items():
                if after.idle or (source, target) not in self._present:
                    rerouted.setdefault(source, {})[target] = not after.idle
            # In threads: a machine with much to do takes its time to start a process, and the clients must not wait for it.
            await asyncio.gather(*(asyncio.to_thread(self._namespaces.route, source, targets) for source, targets in rerouted.items()))
        self._present = {pair: impairment for pair, impairment in wanted.items() if not impairment.idle}

    async def _tell(self, changed: Mapping[Pair, Impairment]) -> None:
        assert self._process is not None and self._process.stdin is not None
        commands = [{"source": source, "target": target, "impairment": asdict(after)} for (source, target), after in changed.items()]
        self._process.stdin.write(json.dumps(commands).encode() + b"\n")
        await self._process.stdin.drain()
        await self._expect("ok")

    async def _expect(self, word: str) -> None:
        assert self._process is not None and self._process.stdout is not None
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            line = (await self._process.stdout.readline()).decode().strip()
        assert line == word, f"the network emulator said {line!r}, not {word!r}: it has ended, or cannot open /dev/net/tun"
