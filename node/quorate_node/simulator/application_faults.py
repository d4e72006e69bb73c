"""The application's process: killed, hanging, or out of memory in the midst of a command, on one machine alone."""

from __future__ import annotations

from quorate_node.simulator.scene import MS, Scene

HOWS = ("dies", "dies", "hangs", "hangs", "hangs for good", "raises")
FOR_GOOD_NS = 10**18


class ApplicationFaults:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def disturb(self) -> bool:
        scene = self.scene
        host = scene.some([host for host in scene.up() if host.life is not None and host.life.ledger is not None])
        worker = host.life.ledger.worker if host is not None and host.life is not None and host.life.ledger is not None else None
        if host is None or worker is None or worker.gone:
            return False
        how = scene.random.choice(HOWS)
        if how == "dies":
            worker.die()
        elif how == "hangs":
            worker.hang(scene.random.randrange(scene.options.faults.pause_ms_max * MS))
        elif how == "hangs for good":
            worker.hang(FOR_GOOD_NS)
        else:
            worker.ledger.breaks = True
        scene.counters[f"application {how}"] += 1
        scene.trace.event("application", host.name, how)
        return True
