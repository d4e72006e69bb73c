"""Faults that wait for what the protocol does: a vote asked for, a promise given, a snapshot sent, and strike then.

What harms a protocol is seldom a fault by itself and often its moment: a leader that is cut off just as its successor is elected, an
answer that comes late just when it was the last one. Faults that come at any time meet such moments in one seed of thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from quorate_node.protocol.entry import EntryType
from quorate_node.protocol.message import Message, MessageType
from quorate_node.protocol.ready import Role
from quorate_node.simulator.host import Host
from quorate_node.simulator.process_faults import ProcessFaults
from quorate_node.simulator.scene import MS, Scene

PASSES_MEAN = 1.0
"""So many such moments pass, on the average, before the one that is struck."""
DELAYS_MS_MAX = {"now": 0, "soon": 5, "later": 300}
"""How long after the moment its victims are hit, at most: at once, before an answer is there, or before a next attempt."""
_CHANGES = (EntryType.MEMBERSHIP, EntryType.MEMBERSHIP_SIMPLE)
_KINDS: dict[str, MessageType] = {
    "pre-vote": MessageType.PRE_VOTE,
    "vote": MessageType.VOTE,
    "granted": MessageType.VOTE_RESPONSE,
    "refused": MessageType.PRE_VOTE_RESPONSE,
    "promise": MessageType.HEARTBEAT_RESPONSE,
    "confirmation": MessageType.HEARTBEAT_RESPONSE,
    "read-index": MessageType.READ_INDEX_RESPONSE,
    "offer": MessageType.TIMEOUT_NOW,
    "snapshot": MessageType.SNAPSHOT,
    "change": MessageType.APPEND,
    "successor": MessageType.APPEND,
}
"""Moments: a message of such a type is sent, and `_is_moment` holds. A successor is a leader that speaks while an older one leads on."""
WAITING_MAX = 3
ACTS = ("none", "none", "late", "kill", "power", "pause", "stall")
"""What is done to a process, or to the message: it and what its sender sends shortly after comes much later, nothing else meanwhile."""
ROLES = ("leader", "sender", "receiver")
CUTS = ("none", "deaf", "mute", "alone", "starving")
"""Whom a member is cut off from: those that speak to it, those that hear it, everybody; starving, those that it has entries for."""


class Ambush(NamedTuple):
    """`act` is done to `whom` at the moment `at`, or a little later, and `cut` to `victim`, which may be another one."""

    at: str
    act: str
    whom: str
    when: str
    cut: str
    victim: str

    @staticmethod
    def read(text: str) -> Ambush:
        """As `text()` gives it: `refused kill sender later, alone leader`. Raises `ValueError`."""
        words = text.replace(",", "").split()
        allowed = (tuple(_KINDS), ACTS, ROLES, tuple(DELAYS_MS_MAX), CUTS, ROLES)
        if len(words) != len(allowed) or any(word not in group for word, group in zip(words, allowed, strict=True)):
            raise ValueError(f"ambush is {text!r}; it must be AT ACT WHOM WHEN, CUT VICTIM, such as 'vote kill receiver now, alone leader'")
        return Ambush(*words)

    def text(self) -> str:
        return f"{self.at} {self.act} {self.whom} {self.when}, {self.cut} {self.victim}"


def draw_ambush(random: Random, among: Sequence[str]) -> Ambush:
    """One of `among`, or, where that is empty, anything at all that does something."""
    if among:
        return Ambush.read(random.choice(among))
    act = random.choice(ACTS)
    cuts = CUTS[1:] if act == "none" else CUTS
    at, when = random.choice(tuple(_KINDS)), random.choice(tuple(DELAYS_MS_MAX))
    return Ambush(at, act, random.choice(ROLES), when, random.choice(cuts), random.choice(ROLES))


class _Waiting:
    def __init__(self, ambush: Ambush, passes: int, random: Random) -> None:
        self.ambush = ambush
        self.kind = _KINDS[ambush.at]
        self.random = random
        self._passes = passes

    def passed(self) -> bool:
        """Its moment has come once more: whether this is the one."""
        self._passes -= 1
        return self._passes < 0


class Ambushes:
    """Those that lie in wait. When there are too many the oldest goes, whether its moment will come or not."""

    def __init__(self, scene: Scene, processes: ProcessFaults) -> None:
        self._scene = scene
        self._processes = processes
        self._waiting: list[_Waiting] = []
        self._told: Callable[[Message], None] | None = None
        """Whom the network tells when nobody lies in wait."""

    def lie_in_wait(self) -> bool:
        random, network = self._scene.random, self._scene.network
        ambush = draw_ambush(random, self._scene.options.faults.ambushes)
        passes = int(random.expovariate(1 / PASSES_MEAN))
        self._scene.trace.event("ambush", ambush.text(), passes)
        self._waiting = [*self._waiting, _Waiting(ambush, passes, random)][-WAITING_MAX:]
        if self._told is None:
            self._told, network.sent = network.sent, self._sent
        return True

    def stand_down(self) -> None:
        """Whoever lies in wait goes home."""
        self._waiting = []
        if self._told is not None:
            self._scene.network.sent, self._told = self._told, None

    def _sent(self, message: Message) -> None:
        assert self._told is not None, "it is called while somebody waits"
        self._told(message)
        due = [one for one in self._waiting if message.type == one.kind and self._is_moment(one.ambush.at, message) and one.passed()]
        for one in due:
            self._waiting.remove(one)
            self._strike(one.ambush, message, one.random)
        if due and not self._waiting:
            self.stand_down()

    def _is_moment(self, at: str, message: Message) -> bool:
        if at == "granted":
            return not message.reject
        if at == "refused":
            return message.reject
        if at == "promise":
            return message.lease_ms > 0
        if at == "confirmation":
            return bool(message.context)
        if at == "change":
            return any(entry.type in _CHANGES for entry in message.entries)
        if at == "successor":
            return any(term < message.term for term, _ in self._leaders())
        return True

    def _leaders(self) -> list[tuple[int, Host]]:
        """Those who believe that they lead, by term: the first is whom the others would depose."""
        leaders = []
        for host in self._scene.hosts:
            member = host.life.replica.member if host.life is not None else None
            if member is not None and member.engine.raft.core.role is Role.LEADER:
                leaders.append((member.engine.raft.term, host))
        return sorted(leaders, key=lambda leader: (leader[0], leader[1].number))

    def _strike(self, ambush: Ambush, message: Message, random: Random) -> None:
        scene, faults = self._scene, self._scene.options.faults
        there = self._who_is_there(message)
        scene.trace.event("strikes", ambush.text(), *(host.name if host is not None else "nobody" for host in there.values()))
        scene.counters[f"ambush {ambush.act}, {ambush.cut}"] += 1
        lasts_ns, pause_ns = (random.randrange(1, ms * MS + 1) for ms in (faults.partition_ms_max, faults.pause_ms_max))
        delay_ns, late_ns = random.randrange(DELAYS_MS_MAX[ambush.when] * MS + 1), random.randrange(lasts_ns)
        whom, victim = there[ambush.whom], there[ambush.victim]
        sender, receiver = there["sender"], there["receiver"]
        if ambush.act == "late" and sender is not None and receiver is not None:
            scene.network.clogged[sender.url, receiver.url] = scene.loop.now_ns + late_ns
        elif ambush.act not in ("late", "none") and whom is not None:
            scene.loop.after(delay_ns, scene.loop.world, self._act, ambush.act, whom, pause_ns)
        if victim is not None and delay_ns:
            scene.loop.after(delay_ns, scene.loop.world, self._cut, ambush.cut, victim, lasts_ns)
        elif victim is not None:
            self._cut(ambush.cut, victim, lasts_ns)  # Now: this very message may be the first that is lost.

    def _who_is_there(self, message: Message) -> dict[str, Host | None]:
        by_id = {host.life.storage.member_id: host for host in self._scene.hosts if host.life is not None}
        leaders = self._leaders()
        return {
            "leader": leaders[0][1] if leaders else None,
            "sender": by_id.get(message.sender),
            "receiver": by_id.get(message.to),
        }

    def _act(self, act: str, whom: Host, pause_ns: int) -> None:
        if self._scene.over:
            return
        if act == "kill":
            self._processes.kill_now(whom)
        elif act == "power":
            self._processes.lose_power(whom)
        elif act == "pause":
            self._processes.pause_now(whom, pause_ns)
        else:
            whom.disk.stalled_until_ns = self._scene.loop.now_ns + pause_ns

    def _cut(self, how: str, victim: Host, lasts_ns: int) -> None:
        network, until_ns = self._scene.network, self._scene.loop.now_ns + lasts_ns
        everybody = [host.url for host in self._scene.hosts]
        if how in ("deaf", "alone"):
            network.silence(network.silenced, everybody, [victim.url], until_ns)
        if how in ("mute", "alone"):
            network.silence(network.silenced, [victim.url], everybody, until_ns)
        if how == "starving":
            network.silence(network.narrow, [victim.url], everybody, until_ns)
