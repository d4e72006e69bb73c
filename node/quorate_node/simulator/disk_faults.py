"""Disks: stalled, full, failing, damaged, lost. Nothing here may cost data that a quorum held, as no real operator would."""

from __future__ import annotations

from quorate_node.simulator.file_damage import DamagedFiles
from quorate_node.simulator.host import Host
from quorate_node.simulator.process_faults import ProcessFaults
from quorate_node.simulator.scene import MS, Scene
from quorate_node.simulator.sight import caught_up, is_voter, voters_seen
from quorate_node.store.log_record import decode_anchor


class DiskFaults:
    def __init__(self, scene: Scene, processes: ProcessFaults) -> None:
        self.scene = scene
        self._processes = processes
        self._damage: dict[str, tuple[int, bytes | None]] = {}
        self._damaged_files = DamagedFiles(scene.trace, scene.counters)

    def stall(self) -> bool:
        host = self.scene.random.choice(self.scene.hosts)
        host.disk.stalled_until_ns = self.scene.loop.now_ns + self.scene.random.randrange(self.scene.options.faults.pause_ms_max * MS)
        self.scene.trace.event("stall", host.name)
        return True

    def stall_state(self) -> bool:
        """Of a running member, until a time or its next process."""
        scene = self.scene
        host = scene.some(scene.up())
        if host is None or host.life is None:
            return False
        database = host.life.database()
        database.stalled = True
        scene.trace.event("state stalls", host.name)
        stalled_ns = scene.random.randrange(scene.options.faults.pause_ms_max * MS)
        scene.loop.after(stalled_ns, scene.loop.world, setattr, database, "stalled", False)
        return True

    def fill(self) -> bool:
        host = self.scene.random.choice(self.scene.hosts)
        host.disk.full = True
        self.scene.trace.event("full", host.name)
        self.scene.loop.after(self.scene.random.randrange(3_000 * MS), self.scene.loop.world, setattr, host.disk, "full", False)
        return True

    def fail_sync(self) -> bool:
        host = self.scene.some(self.scene.up())
        if host is None:
            return False
        host.disk.sync_fails = True
        self.scene.trace.event("sync fails", host.name)
        return True

    def _may_harm(self, host: Host) -> bool:
        """One copy at a time, and only where two others are left to vote, which have all of the data: a witness has none."""
        whole = not any(other.impaired or other.witness for other in self.scene.hosts)
        return whole and len(voters_seen(self.scene.hosts)) >= 3 and is_voter(host)

    def damage_record(self) -> bool:
        host = self.scene.random.choice(self.scene.hosts)
        if not self._may_harm(host) or host.disk.unsynced():
            return False
        if host.disk.files is not None:
            return self._damaged_files.damage(host, host.disk.files, self.scene.random)
        records = host.disk.durable["records"]
        if not records:
            return False
        index = self.scene.random.choice(list(records))
        how = host.disk.damage(index, self.scene.random)
        host.impaired = f"entry {index} {how}"
        self._damage[host.name] = index, host.disk.durable["records"].get(index)
        self.scene.counters[f"damage {how}"] += 1
        self.scene.trace.event("damage", host.name, index, how)
        return True

    def wipe(self) -> bool:
        host = self.scene.some(self.scene.up())
        if host is None or not self._may_harm(host):
            return False
        host.kill(power=True)
        host.wipe()
        host.founder = False
        host.impaired = "wiped"
        self._processes.down_for(host)
        return True

    def look_at_impaired(self) -> None:
        """Whose copy is whole again may be followed by the next."""
        for host in self.scene.hosts:
            if host.impaired == "wiped":
                if (host.non_voting or is_voter(host)) and caught_up(host, self.scene.hosts):
                    host.impaired = ""
            elif host.impaired.startswith("entry") and host.disk.files is not None:
                if self._damaged_files.are_mended(host, host.disk.files):
                    host.impaired = ""
            elif host.impaired.startswith("entry"):
                index, content = self._damage[host.name]
                anchor = decode_anchor(host.disk.durable["anchor"])
                compacted = anchor is not None and anchor.index >= index
                if compacted or host.disk.durable["records"].get(index) != content:
                    host.impaired = ""
