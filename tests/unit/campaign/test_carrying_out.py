"""A schedule as it is carried out: what the cluster cannot bear waits, what fails is said, and no member is hit twice at once."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from tests.cluster.campaign.faults import Fault, Skipped, Stroke, Takes
from tests.cluster.campaign.nemesis import Nemesis, Planned
from tests.cluster.campaign.sampler import Sampler
from tests.cluster.campaign.site import Lived
from tests.cluster.campaign.timeline import Stretch


class FakeSite:
    """Members m0 to m(count-1) of which `leader` leads. No processes."""

    def __init__(self, count: int, leader: str = "m0") -> None:
        self.count = count
        self.everyone = [SimpleNamespace(name=f"m{number}", number=number) for number in range(count)]
        self._leader = leader

    async def roles(self) -> dict[str, dict[str, Any]]:
        return {member.name: {"role": "leader" if member.name == self._leader else "follower"} for member in self.everyone}


class Log:
    """Which faults were under way together, and whom they hit."""

    def __init__(self) -> None:
        self.now: dict[str, list[str]] = {}
        self.most_missing = 0

    async def begin(self, stroke: Stroke) -> None:
        hit = [victim.name for victim in stroke.victims]
        assert not {name for names in self.now.values() for name in names} & set(hit), "hit twice at once"
        self.now[stroke.name] = hit
        self.most_missing = max(self.most_missing, sum(map(len, self.now.values())))

    async def end(self, stroke: Stroke) -> None:
        await asyncio.sleep(0.02)
        del self.now[stroke.name]


def fault(name: str, log: Log, takes: Takes = Takes.ONE) -> Fault:
    return Fault(name, "kill", "a test's", 1.0, takes, (0.01, 0.1), log.begin, log.end, alone=takes is Takes.ALL)


def planned(number: int, name: str, aim: str = "any", rank: float = 0.0) -> Planned:
    return Planned(number, 0.0, name, 0.05, aim, rank, {})


async def carry_out(count: int, plan: list[Planned], faults: list[Fault], leader: str = "m0") -> Nemesis:
    site: Any = FakeSite(count, leader)
    nemesis = Nemesis(site, plan, faults, lambda line: None)
    await asyncio.wait_for(nemesis.run(30.0), 30.0)
    return nemesis


async def test_of_three_members_only_one_is_away_at_a_time() -> None:
    log = Log()
    nemesis = await carry_out(3, [planned(1, "a"), planned(2, "b"), planned(3, "a")], [fault("a", log), fault("b", log)])
    assert [action.outcome for action in nemesis.actions] == ["done"] * 3
    assert log.most_missing == 1


async def test_of_five_two_are_away_together_and_never_the_same_one_twice() -> None:
    log = Log()
    plan = [planned(number, name) for number, name in enumerate("abcabc", 1)]
    nemesis = await carry_out(5, plan, [fault(name, log) for name in "abc"])
    assert [action.outcome for action in nemesis.actions] == ["done"] * 6
    assert log.most_missing == 2


async def test_what_takes_all_waits_until_it_is_alone() -> None:
    log = Log()
    nemesis = await carry_out(5, [planned(1, "a"), planned(2, "all"), planned(3, "a")], [fault("a", log), fault("all", log, Takes.ALL)])
    everything = nemesis.actions[1]
    assert everything.victims == ["m0", "m1", "m2", "m3", "m4"]
    first, last = nemesis.actions[0], nemesis.actions[2]
    assert (first.ended_s or 0.0) <= (everything.began_s or 0.0) and (everything.ended_s or 0.0) <= (last.began_s or 0.0)


async def test_a_fault_aimed_at_the_leader_hits_it_and_another_the_one_of_its_rank() -> None:
    log = Log()
    nemesis = await carry_out(3, [planned(1, "a", "leader"), planned(2, "a", "any", 0.99)], [fault("a", log)], leader="m1")
    assert [action.victims for action in nemesis.actions] == [["m1"], ["m2"]]


async def test_after_a_fault_that_does_not_end_nothing_new_begins_and_it_is_told() -> None:
    async def never_back(stroke: Stroke) -> None:
        raise TimeoutError("m0 was not ready after 150 s")

    log = Log()
    broken = Fault("broken", "kill", "a test's", 1.0, Takes.ONE, (0.01, 0.1), log.begin, never_back)
    nemesis = await carry_out(3, [planned(1, "broken"), planned(2, "a"), planned(3, "a")], [broken, fault("a", log)])
    assert nemesis.actions[0].outcome == "failed"
    assert nemesis.failures == ["1-broken on m0: TimeoutError: m0 was not ready after 150 s"]
    assert all(action.outcome in ("failed", "skipped") for action in nemesis.actions)


async def test_what_cannot_begin_is_skipped_with_its_reason() -> None:
    async def not_now(stroke: Stroke) -> None:
        raise Skipped("the spare is a member already")

    nemesis = await carry_out(3, [planned(1, "a")], [Fault("a", "kill", "a test's", 1.0, Takes.NONE, (0.1, 0.2), not_now)])
    assert (nemesis.actions[0].outcome, nemesis.actions[0].reason) == ("skipped", "the spare is a member already")
    assert nemesis.failures == [] and nemesis.actions[0].victims == []


async def test_a_member_that_gives_no_answer_makes_no_other_one_look_silent() -> None:
    paused, leader = SimpleNamespace(name="m0", running=True), SimpleNamespace(name="m1", running=True)
    down = SimpleNamespace(name="m2", running=False)

    async def role_of(member: SimpleNamespace) -> str:
        if member is paused:
            await asyncio.Event().wait()
        return "leader"

    site: Any = SimpleNamespace(everyone=[paused, leader, down], role_of=role_of)
    sampler = Sampler(site, begun_s=asyncio.get_running_loop().time())
    sampling = asyncio.create_task(sampler.run())
    async with asyncio.timeout(30.0):
        while not any(name == "m0" for _, name, _ in sampler.samples):
            await asyncio.sleep(0.05)
    sampling.cancel()
    roles = {name: {role for _, asked, role in sampler.samples if asked == name} for name in ("m0", "m1", "m2")}
    assert roles == {"m0": {"silent"}, "m1": {"leader"}, "m2": set()}


def test_a_members_life_is_told_in_stretches_and_one_answer_that_is_missing_is_no_silence() -> None:
    member = SimpleNamespace(name="m0", lives=[Lived(100.0, "up"), Lived(110.0, "down"), Lived(112.0, "up")])
    site: Any = SimpleNamespace(everyone=[member])
    samples = [(1.0, "m0", "follower"), (4.0, "m0", "silent"), (5.0, "m0", "leader"), (7.0, "m0", "silent"), (8.0, "m0", "silent")]
    told = Sampler(site, begun_s=100.0, end_s=15.0, samples=[*samples, (13.0, "m0", "follower")]).stretches()
    assert told == [
        Stretch("m0", "silent", 0.0, 1.0),
        Stretch("m0", "follower", 1.0, 5.0),
        Stretch("m0", "leader", 5.0, 8.0),
        Stretch("m0", "silent", 8.0, 10.0),
        Stretch("m0", "down", 10.0, 12.0),
        Stretch("m0", "silent", 12.0, 13.0),
        Stretch("m0", "follower", 13.0, 15.0),
    ]
