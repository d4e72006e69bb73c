"""Wires: partitions of every form, and wires that keep everything back for a while."""

from __future__ import annotations

from quorate_node.simulator.scene import MS, Scene
from quorate_node.simulator.sight import is_leader


class NetworkFaults:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def partition(self) -> bool:
        random, urls = self.scene.random, [host.url for host in self.scene.hosts]
        if len(urls) < 2:
            return False
        how = random.choice(self.scene.options.network.partitions)
        leaders = [host.url for host in self.scene.hosts if is_leader(host)]
        if how == "leader" and leaders:
            side = [random.choice(leaders)]
        elif how == "halves" or how == "bridge":
            side = random.sample(urls, random.randint(1, len(urls) - 1))
        else:
            side = [random.choice(urls)]
        others = [url for url in urls if url not in side]
        if how == "bridge" and len(others) > 1:
            others.remove(random.choice(others))  # One hears both sides.
        self.scene.network.block(side, others)
        both = random.random() < 0.6
        if both:
            self.scene.network.block(others, side)
        self.scene.counters["partition symmetric" if both else "partition one-way"] += 1
        self.scene.trace.event("partition", side, others, both)
        self.scene.loop.after(random.randrange(self.scene.options.faults.partition_ms_max * MS), self.scene.loop.world, self._heal)
        return True

    def _heal(self) -> None:
        self.scene.trace.event("heal")
        self.scene.network.heal()

    def clog(self) -> bool:
        until_ns = self.scene.loop.now_ns + self.scene.random.randrange(self.scene.options.faults.partition_ms_max * MS)
        sources = self.scene.random.sample(self.scene.hosts, self.scene.random.randint(1, len(self.scene.hosts)))
        for source in sources:
            target = self.scene.random.choice(self.scene.hosts)
            self.scene.network.clogged[source.url, target.url] = until_ns
        self.scene.trace.event("clog", *(source.name for source in sources))
        return True
