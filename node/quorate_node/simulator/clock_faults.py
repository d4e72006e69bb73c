"""Clocks: they run fast and slow, and are set forward where the seed has clocks that no bound holds for."""

from __future__ import annotations

from quorate_node.simulator.scene import MS, Scene


class ClockFaults:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def upset(self) -> bool:
        host = self.scene.random.choice(self.scene.hosts)
        drift = self.scene.options.clock_drift_ppm_max
        if self.scene.options.clocks_jump and self.scene.random.random() < 0.5:
            host.clocks.jump(self.scene.loop.now_ns, self.scene.random.randrange(10_000 * MS))
            self.scene.counters["clock jumped"] += 1
        else:
            host.clocks.set_drift(self.scene.loop.now_ns, self.scene.random.randint(-drift, drift))
        self.scene.trace.event("clock", host.name)
        return True
