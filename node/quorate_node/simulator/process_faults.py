"""Processes and their machines: killed, without power, stopped, paused, asleep; and the supervisor that starts the next process."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from quorate_node.simulator.host import Host
from quorate_node.simulator.life import Life
from quorate_node.simulator.process import Process
from quorate_node.simulator.scene import MS, Scene
from quorate_node.simulator.streams import stream

STEPS_MAX = 100
"""Within so many steps of its own a process is killed or paused, where that is not at once: it takes some dozens for one request."""


class ProcessFaults:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def down_for(self, host: Host) -> None:
        self.scene.loop.after(self._down_ns(host), self.scene.loop.world, self._start, host)

    def _down_ns(self, host: Host) -> int:
        """How long its next process is away."""
        return stream(self.scene.options.seed, "down", host.process_name).randrange(self.scene.options.faults.down_ms_max * MS)

    def _start(self, host: Host) -> None:
        if not self.scene.over and not host.up:
            host.start()

    def ended(self, host: Host, reason: BaseException | None) -> None:
        """A process ended by itself: its supervisor starts the next one."""
        if host.disk.sync_fails:
            host.disk.sync_fails = False
            random = stream(self.scene.options.seed, "failed sync", host.process_name)
            host.disk.lose_power(random)  # What a failed sync left on the disk nobody knows.
        if reason is not None:
            self.scene.counters["process gave up"] += 1
        self.scene.loop.after(self._down_ns(host), self.scene.loop.world, self._start_again, host)

    def _start_again(self, host: Host) -> None:
        if not host.up:
            host.start()

    def kill(self) -> bool:
        host = self.scene.some(self.scene.up())
        if host is None:
            return False
        self._interrupt(host, partial(self._killed, host, host.life))
        return True

    def kill_now(self, host: Host) -> None:
        if host.up:
            self._killed(host, host.life)

    def _killed(self, host: Host, life: Life | None) -> None:
        if host.life is life and not self.scene.over:
            self.scene.trace.event("kill", host.name)
            host.kill(power=False)
            self.down_for(host)

    def _interrupt(self, host: Host, interruption: Callable[[], None]) -> None:
        """Where time passes, or between any two steps of what it does at one moment."""
        assert host.life is not None
        self.scene.loop.interrupt(host.life.process, self.scene.random.choice((0, self.scene.random.randint(1, STEPS_MAX))), interruption)

    def power_loss(self) -> bool:
        host = self.scene.some(self.scene.up())
        if host is None:
            return False
        files = host.disk.files
        if files is not None and self.scene.random.random() < 0.4:
            files.dies_in = self.scene.random.randint(1, 30)
            self.scene.trace.event("power goes in a call on a file", host.name, files.dies_in)
        elif self.scene.random.random() < 0.5:
            self.scene.trace.event("power goes at the next write", host.name)
            within_ns = self.scene.random.randrange(self.scene.options.disk.sync_us_mean * 1_000)
            host.disk.at_write = partial(self._lose_power_later, host, within_ns)
        else:
            self.lose_power(host)
        return True

    def _lose_power_later(self, host: Host, within_ns: int) -> None:
        """In the middle of a write: what is not synced is in doubt."""
        self.scene.loop.after(within_ns, self.scene.loop.world, self.lose_power, host)

    def lose_power(self, host: Host) -> None:
        if host.up and not self.scene.over:
            host.kill(power=True)
            self.down_for(host)

    def power_loss_all(self) -> bool:
        for host in self.scene.up():
            host.kill(power=True)
            self.down_for(host)
        return True

    def restart(self) -> bool:
        host = self.scene.some(self.scene.up())
        return host is not None and self.stop(host)

    def stop(self, host: Host) -> bool:
        """By request, if it can hear one."""
        if host.life is None or host.life.process.paused or host.life.replica.stopping:
            return False
        self.scene.trace.event("stop", host.name)
        self.scene.loop.spawn(host.life.process, host.life.stop())
        return True

    def pause(self) -> bool:
        host = self.scene.some([host for host in self.scene.up() if host.life is not None and not host.life.process.paused])
        if host is None or host.life is None:
            return False
        process = host.life.process
        pause_ns = self.scene.random.randrange(self.scene.options.faults.pause_ms_max * MS)
        self._interrupt(host, partial(self._stand_still, host.name, process, pause_ns))
        return True

    def pause_now(self, host: Host, pause_ns: int) -> None:
        if host.life is not None and not host.life.process.paused:
            self._stand_still(host.name, host.life.process, pause_ns)

    def _stand_still(self, name: str, process: Process, pause_ns: int) -> None:
        if not self.scene.over:
            self.scene.trace.event("pause", name)
            self.scene.loop.pause(process)
            self.scene.loop.after(pause_ns, self.scene.loop.world, self._resume, name, process)

    def suspend(self) -> bool:
        """A machine sleeps: its timers have to wait as long again, and leases run out meanwhile."""
        return self._stop_machine("suspend", counted=True)

    def freeze(self) -> bool:
        """Its host stops a virtual machine: to itself, no time has passed."""
        return self._stop_machine("freeze", counted=False)

    def _stop_machine(self, how: str, *, counted: bool) -> bool:
        scene = self.scene
        host = scene.some([host for host in scene.up() if host.life is not None and not host.life.process.paused])
        if host is None or host.life is None:
            return False
        process, slept_ns = host.life.process, scene.random.randrange(scene.options.faults.pause_ms_max * MS)
        late_ns = scene.random.choice((0, scene.random.randrange(slept_ns + 1)))
        scene.trace.event(how, host.name)
        scene.loop.suspend(process)
        scene.network.sleeps(host.url, scene.loop.now_ns + slept_ns + late_ns)
        boot_ns = None if counted else host.clocks.boot.local(scene.loop.now_ns)
        scene.loop.after(slept_ns, scene.loop.world, self._wake, host, process, scene.loop.now_ns, boot_ns)
        return True

    def _wake(self, host: Host, process: Process, since_ns: int, boot_ns: int | None) -> None:
        """`boot_ns`: what the clock that leases are counted by shows; None: it ran on."""
        scene = self.scene
        scene.trace.event("wake", host.name)
        if scene.loop.wake(process, since_ns) and boot_ns is not None:
            host.clocks.boot.restart(scene.loop.now_ns, boot_ns)

    def _resume(self, name: str, process: Process) -> None:
        self.scene.trace.event("resume", name)
        self.scene.loop.resume(process)
