"""Rolling releases: members stopped one after the other and started with another release, up and, while that is allowed, down again."""

from __future__ import annotations

from quorate_node.simulator.process_faults import ProcessFaults
from quorate_node.simulator.releases import NEXT, PREVIOUS
from quorate_node.simulator.scene import Scene

DOWNGRADES = 0.3
"""Of the changes: somebody goes back, also where that is too late."""


class VersionFaults:
    def __init__(self, scene: Scene, processes: ProcessFaults) -> None:
        self.scene = scene
        self._processes = processes

    def change_release(self) -> bool:
        """The process is asked to stop, and what is started in its place is of the other release."""
        scene = self.scene
        down = scene.random.random() < DOWNGRADES
        wanted, there = (PREVIOUS, NEXT) if down else (NEXT, PREVIOUS)
        host = scene.some([host for host in scene.up() if host.release == there])
        if host is None:
            return False
        host.release = wanted
        scene.counters["downgraded" if down else "upgraded"] += 1
        scene.trace.event("release", host.name, wanted.version_high)
        if not self._processes.stop(host):
            host.kill(power=False)
            self._processes.down_for(host)
        return True
