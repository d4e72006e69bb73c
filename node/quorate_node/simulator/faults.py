"""What goes wrong, and when: a timetable drawn from the seed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from quorate_node.simulator.ambush import Ambushes
from quorate_node.simulator.application_faults import ApplicationFaults
from quorate_node.simulator.clock_faults import ClockFaults
from quorate_node.simulator.disk_faults import DiskFaults
from quorate_node.simulator.host import Host
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.network import Network
from quorate_node.simulator.network_faults import NetworkFaults
from quorate_node.simulator.options import Options
from quorate_node.simulator.places import arm, places
from quorate_node.simulator.process_faults import ProcessFaults
from quorate_node.simulator.reductions import Reductions
from quorate_node.simulator.scene import Scene
from quorate_node.simulator.streams import Timetable, stream
from quorate_node.simulator.trace import Trace
from quorate_node.simulator.version_faults import VersionFaults


class Faults:
    def __init__(
        self,
        loop: VirtualLoop,
        network: Network,
        hosts: Sequence[Host],
        options: Options,
        reductions: Reductions,
        trace: Trace,
        counters: Counter[str],
    ) -> None:
        self.happened: list[str] = []
        """As `Reductions.faults` names them."""
        self.scene = scene = Scene(loop, network, hosts, options, trace, counters)
        self._reductions = reductions
        self._places = places()
        processes, wires, clocks = ProcessFaults(scene), NetworkFaults(scene), ClockFaults(scene)
        self._disks = disks = DiskFaults(scene, processes)
        versions = VersionFaults(scene, processes)
        self._ambushes = ambushes = Ambushes(scene, processes)
        self.ended = processes.ended
        rates = options.faults
        self._kinds: list[tuple[Callable[[], bool], str, float]] = [
            (processes.kill, "kill", rates.kill),
            (processes.power_loss, "power loss", rates.power_loss),
            (processes.power_loss_all, "power loss of all", rates.power_loss_all),
            (processes.restart, "restart", rates.restart),
            (versions.change_release, "release", rates.release),
            (processes.pause, "pause", rates.pause),
            (processes.suspend, "suspend", rates.suspend),
            (processes.freeze, "freeze", rates.freeze),
            (wires.partition, "partition", rates.partition),
            (wires.clog, "clog", rates.clog),
            (disks.stall, "disk stall", rates.disk_stall),
            (disks.stall_state, "state stall", rates.state_stall),
            (disks.fill, "disk full", rates.disk_full),
            (disks.fail_sync, "sync failure", rates.sync_failure),
            (disks.damage_record, "damage", rates.damage),
            (disks.wipe, "wipe", rates.wipe),
            (ApplicationFaults(scene).disturb, "application", rates.application),
            (clocks.upset, "clock", rates.clock),
            (clocks.set_wall_clock, "wall clock", rates.wall_clock),
            (self._set_failpoint, "failpoint", rates.failpoint),
            (ambushes.lie_in_wait, "ambush", rates.ambush),
        ]

    def end(self) -> None:
        """What is under way still happens, nothing new begins."""
        self.scene.over = True
        self._ambushes.stand_down()

    async def run(self) -> None:
        scene = self.scene
        seed, began_s = scene.options.seed, scene.loop.time()
        timetable = Timetable(seed, {name: rate for _, name, rate in self._kinds})
        inflicts = {name: inflict for inflict, name, _ in self._kinds}
        while coming := timetable.next():
            due_s, name, number = coming
            await asyncio.sleep(began_s + due_s - scene.loop.time())
            self._disks.look_at_impaired()
            word = name.replace(" ", "-")
            scene.random = stream(seed, "fault", word, number)
            if self._reductions.fault_happens(word, number) and inflicts[name]():
                scene.counters[f"fault {name}"] += 1
                self.happened.append(f"{word}.{number}")

    def _set_failpoint(self) -> bool:
        """It may never be reached, or by this machine's next process only."""
        host = self.scene.some(self.scene.hosts)
        if host is None or host.failpoints is None:
            return False
        name = self.scene.random.choice(self._places)
        self.scene.trace.event("armed", host.name, name, arm(host.failpoints, name, self.scene.random, self.scene.options.faults))
        return True
