"""Clocks: fast and slow, set forward where the seed has clocks that no bound holds for; and the time of day, which is set either way."""

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

    def set_wall_clock(self) -> bool:
        """By a person, or by NTP when it finds out: by seconds, hours or years."""
        scene, random = self.scene, self.scene.random
        host = random.choice(scene.hosts)
        by_ns = random.choice((-1, 1)) * random.randrange(random.choice((10, 86_400, 500_000_000)) * 1_000 * MS)
        wall = host.clocks.wall
        wall.restart(scene.loop.now_ns, max(0, wall.local(scene.loop.now_ns) + by_ns))
        scene.counters["wall clock set back" if by_ns < 0 else "wall clock set forward"] += 1
        scene.trace.event("wall clock", host.name, by_ns)
        return True
