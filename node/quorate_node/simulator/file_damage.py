"""Records that go bad at rest in the files of a log, and when they are mended."""

from __future__ import annotations

from collections import Counter
from random import Random

from quorate_node.simulator.file_store import place_of
from quorate_node.simulator.files import SimulatedFiles, SimulatedPath
from quorate_node.simulator.host import Host
from quorate_node.simulator.trace import Trace


class DamagedFiles:
    def __init__(self, trace: Trace, counters: Counter[str]) -> None:
        self._trace = trace
        self._counters = counters
        self._places: dict[str, tuple[int, tuple[SimulatedPath, int, int]]] = {}
        """Machine -> the damaged entry, and where it lies: (file, offset, length)."""

    def damage(self, host: Host, files: SimulatedFiles, random: Random) -> bool:
        """A bit of one entry turns over, or what belongs elsewhere is written over it. False: there is none."""
        if host.life is None:
            return False
        log = host.life.stores.log
        index, other = (random.randint(log.first_index(), max(log.first_index(), log.last_index())) for _ in range(2))
        place, source = place_of(log, files, index), place_of(log, files, other)
        if place is None:
            return False
        path, offset, length = place
        if source is not None and other != index and random.random() < 0.4:
            how, content = "misdirected", files.read(source[0], source[1], min(source[2], length))
        else:
            how, bit = "flipped", random.randrange(8 * length)
            content = (int.from_bytes(files.read(path, offset, length), "little") ^ 1 << bit).to_bytes(length, "little")
        files.change(path, offset, content)
        host.impaired = f"entry {index} {how}"
        self._places[host.name] = index, place
        self._counters[f"damage {how} in a file"] += 1
        self._trace.event("damage", host.name, index, how)
        return True

    def are_mended(self, host: Host, files: SimulatedFiles) -> bool:
        """The entry was written anew elsewhere, or let go."""
        if host.life is None:
            return False
        log, (index, place) = host.life.stores.log, self._places[host.name]
        if log.first_index() > index:
            return True
        now = place_of(log, files, index)
        return not log.damaged() and now is not None and (str(now[0]), now[1]) != (str(place[0]), place[1])
