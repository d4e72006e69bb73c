"""Random lives of groups through the log: members come, go, lose their keys and race each other, on machines that restart and replace
their state; all machines stay equal, and all who hold the epoch have its secrets (the harness compares them at each entry)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from quorate.wire.commands import Put
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.builders import command
from tests.unit.machine.group.harness import Cluster
from tests.unit.machine.group.test_state import send

STEPS = 40
MEMBERS_MAX = 9


class Life:
    """One cluster, and a second machine that follows its log with restarts and snapshots in between."""

    def __init__(self, seed: int, directory: Path) -> None:
        self.draw = random.Random(seed)
        self.directory = directory
        self.cluster = Cluster((1, 2, 3), seed=f"life {seed}")
        self.store = MemoryStateStore(MemoryDisk(), "2")
        self.twin = KeyValueMachine.open(self.store, digest_interval=1)
        self.next_member, self.snapshots = 4, 0
        self.counted: Counter[str] = Counter()

    def run(self) -> None:
        self.expect(self.cluster.create(1, 2, 3), "created")
        for _ in range(STEPS):
            steps = (self.commit, self.commit, self.come, self.leave, self.lose, self.race, self.rotate, self.create, self.stranger)
            self.draw.choice(steps)()
            self.follow()
            self.check()

    def expect(self, request: Any, what: str) -> None:
        result = self.cluster.one(request)
        assert not hasattr(result, "error"), (what, result)
        self.counted[what] += 1

    def holder(self) -> int:
        """A member that holds the epoch; when nobody does, after a fresh group."""
        if not self.cluster.views:
            members = sorted(self.cluster.machine.members)
            self.expect(self.cluster.create(*members), "created for want of a holder")
        return self.draw.choice(sorted(self.cluster.views))

    def stale(self) -> tuple[int, ...]:
        """Leaves of those who have left, at most one here and there left over."""
        known = self.cluster.group.leaves(self.cluster.machine.members)
        return tuple(leaf for leaf, _ in self.cluster.group.public.tree.members() if leaf not in known)

    def commit(self) -> None:
        self.expect(self.cluster.commit(self.holder(), remove=self.stale()), "committed")

    def rotate(self) -> None:
        by = self.holder()
        others = [member_id for member_id in sorted(self.cluster.views) if member_id != by]
        updates = self.draw.sample(others, self.draw.randint(0, len(others)))
        self.expect(self.cluster.commit(by, updates=updates), "rotated")

    def come(self) -> None:
        if len(self.cluster.machine.members) >= MEMBERS_MAX:
            return
        member_id, self.next_member = self.next_member, self.next_member + 1
        by = self.holder()
        self.cluster.configure(put=(member_id,))
        if self.draw.random() < 0.3:
            self.expect(self.cluster.rejoin(member_id), "came by itself")
        else:
            self.expect(self.cluster.commit(by, add=(member_id,)), "added")

    def leave(self) -> None:
        members = sorted(self.cluster.machine.members)
        if len(members) < 3:
            return
        self.cluster.configure(removed=(self.draw.choice(members),))
        if self.draw.random() < 0.7:
            self.commit()

    def lose(self) -> None:
        """A member restarts: what it held was in memory only, and its key may be another one."""
        member_id = self.draw.choice(sorted(self.cluster.machine.members))
        leaf = next((leaf for leaf, owner in self.cluster.group.leaves({member_id}).items()), None)
        self.cluster.views.pop(member_id, None)
        if self.draw.random() < 0.3:
            self.cluster.new_signer(member_id)
        self.expect(self.cluster.rejoin(member_id, remove=leaf), "came back")

    def race(self) -> None:
        """Two commits of one epoch: the second is a no-op."""
        first, second = self.cluster.commit(self.holder()), self.cluster.commit(self.holder())
        epoch = self.cluster.group.public.epoch
        results = self.cluster.apply(command(Put(b"a")), first)
        late = self.cluster.one(second)
        assert not hasattr(results[1], "error")
        assert late.error == "ConfigurationChanged"
        assert self.cluster.group.public.epoch == epoch + 1
        self.counted["raced"] += 1

    def create(self) -> None:
        members = sorted(self.cluster.machine.members)
        chosen = self.draw.sample(members, self.draw.randint(1, len(members)))
        self.expect(self.cluster.create(*chosen), "created anew")

    def stranger(self) -> None:
        """Somebody who is in no configuration is let in by nobody."""
        result = self.cluster.one(self.cluster.commit(self.holder(), add=(10_000,)))
        assert "(members)" in result.message
        self.counted["kept out"] += 1

    def follow(self) -> None:
        """The second machine takes the log, after a restart, or another's state, now and then."""
        chance = self.draw.random()
        if chance < 0.1:
            self.twin = KeyValueMachine.open(self.twin._committed.store, digest_interval=1)
            self.counted["restarted"] += 1
        elif chance < 0.15:
            self.snapshots += 1
            asyncio.run(send(self.cluster.machine, self.twin, self.directory / str(self.snapshots)))
            self.counted["snapshots"] += 1
        self.cluster.replay(self.twin)

    def check(self) -> None:
        machine = self.cluster.machine
        assert self.twin.state == machine.state
        assert self.twin.group == machine.group
        owners = self.cluster.group.leaves(machine.members).values()
        assert len(set(owners)) == len(owners)
        assert set(self.cluster.views) <= set(owners)


@pytest.mark.parametrize("seed", range(6))
def test_all_machines_stay_equal_and_all_holders_agree(seed: int, tmp_path: Path) -> None:
    life = Life(seed, tmp_path)
    life.run()
    assert sum(life.counted.values()) >= STEPS // 2


def test_lives_have_everything_in_them(tmp_path: Path) -> None:
    counted: Counter[str] = Counter()
    for seed in range(6, 9):
        life = Life(seed, tmp_path / str(seed))
        life.run()
        counted += life.counted
    wanted = {"committed", "rotated", "added", "came by itself", "came back", "raced", "created anew", "kept out", "restarted", "snapshots"}
    assert wanted <= set(counted), counted
