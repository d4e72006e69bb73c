"""What every fault finds in place: the world, and the random numbers that are its own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from quorate_node.simulator.host import Host
from quorate_node.simulator.loop import VirtualLoop
from quorate_node.simulator.network import Network
from quorate_node.simulator.options import Options
from quorate_node.simulator.sight import is_leader
from quorate_node.simulator.streams import stream
from quorate_node.simulator.trace import Trace

MS = 1_000_000


class Scene:
    def __init__(
        self, loop: VirtualLoop, network: Network, hosts: Sequence[Host], options: Options, trace: Trace, counters: Counter[str]
    ) -> None:
        self.loop = loop
        self.network = network
        self.hosts = hosts
        self.options = options
        self.trace = trace
        self.counters = counters
        self.over = False
        """Nothing goes wrong any more."""
        self.random = stream(options.seed, "faults")
        """Of the fault under way."""

    def some(self, hosts: Sequence[Host]) -> Host | None:
        """The leader more often than the others: what happens to it matters most."""
        if not hosts:
            return None
        leaders = [host for host in hosts if is_leader(host)]
        return self.random.choice(leaders if leaders and self.random.random() < 0.4 else hosts)

    def up(self) -> list[Host]:
        return [host for host in self.hosts if host.up]
