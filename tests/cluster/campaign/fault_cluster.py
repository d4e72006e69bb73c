"""What an operator does while all else goes wrong: members come, go and are replaced, leadership moves, history is compacted."""

from __future__ import annotations

from quorate.wire.commands import Compact
from quorate.wire.results import CompactResult
from tests.cluster.campaign.fault_process import BACK_TIMEOUT_S
from tests.cluster.campaign.faults import Fault, Skipped, Stroke, Takes
from tests.cluster.campaign.site import CampaignMember
from tests.cluster.harness.api import Refused, Unknown

TRIES_S = 90.0
OPERATOR = 4_000
"""The nemesis, as a client of the history."""
GONE = frozenset({"MemberNotFound"})


async def voter_id(stroke: Stroke, member: CampaignMember) -> str:
    """The id of a member, once it votes."""
    found: list[str] = []

    async def voting() -> bool:
        listed = await stroke.site.listed()
        found[:] = [str(each["member_id"]) for each in listed if each["name"] == member.name and each["role"] == "voter"]
        return bool(found)

    await stroke.site.until(voting, f"{member.name} as a voter", BACK_TIMEOUT_S)
    return found[0]


async def remove(stroke: Stroke, name: str, member_id: str) -> None:
    """Remove a member, asking again until nobody knows it: an answer that was lost may have been a yes."""

    async def removed() -> bool:
        if member_id not in (await stroke.site.member_ids()).values():
            return True
        try:
            await stroke.site.ask("DELETE", f"/v1/members/{member_id}")
        except Refused as refused:
            if refused.error not in GONE:
                raise
        return member_id not in (await stroke.site.member_ids()).values()

    await stroke.site.until(removed, f"the removal of {name} ({member_id})", TRIES_S)


async def add(stroke: Stroke) -> None:
    """A spare joins as a learner and is promoted by itself."""
    spare = stroke.site.spares[0]
    if spare.running:
        raise Skipped("the spare is a member already")
    spare.wipe()
    await spare.start()
    stroke.memory["id"] = await voter_id(stroke, spare)
    stroke.notes.append(f"{spare.name} votes as {stroke.memory['id']}")


async def take_away(stroke: Stroke) -> None:
    spare = stroke.site.spares[0]
    await remove(stroke, spare.name, stroke.memory["id"])
    await spare.kill()
    spare.wipe()


async def lose_the_volume(stroke: Stroke) -> None:
    """The member's directory is gone for good: what comes back is somebody else."""
    victim = stroke.victim
    stroke.memory["id"] = await voter_id(stroke, victim)
    await victim.kill()
    victim.wipe()


async def replace(stroke: Stroke) -> None:
    victim = stroke.victim
    await remove(stroke, victim.name, stroke.memory["id"])
    await victim.start()
    new_id = await voter_id(stroke, victim)
    assert new_id != stroke.memory["id"], f"{victim.name} came back from an empty directory under its old id {new_id}"
    stroke.notes.append(f"{victim.name}: {stroke.memory['id']} became {new_id}")


async def once(stroke: Stroke, path: str, body: dict[str, str]) -> None:
    """An operator's call, made once; whatever comes of it is noted."""
    try:
        await stroke.site.ask("POST", path, body)
    except (Refused, Unknown) as error:
        stroke.notes.append(str(error)[:120])


async def transfer(stroke: Stroke) -> None:
    victim_id = (await stroke.site.member_ids()).get(stroke.victim.name)
    if victim_id is None:
        raise Skipped(f"{stroke.victim.name} is no member at the moment")
    await once(stroke, "/v1/leader/transfer", {"to": victim_id})


async def step_down(stroke: Stroke) -> None:
    await once(stroke, "/v1/leader/step-down", {})


async def compact(stroke: Stroke) -> None:
    """Forget history, but for the newest revisions. Watches of members that are away may have to skip what is gone, and must say so."""
    revision = int((await stroke.site.ask("GET", "/v1/status"))["revision"])
    keep = int(stroke.parameters["keep_revisions"])
    if revision <= keep:
        raise Skipped(f"the store is at revision {revision}, of which {keep} are kept")
    recorder = stroke.site.recorder
    assert recorder is not None, "the checkers must know what was compacted"
    await recorder.observe_http(
        stroke.site.ask("POST", "/v1/compact", {"revision": str(revision - keep)}),
        Compact(revision - keep),
        lambda answer: CompactResult(int(answer["revision"])),
        client=OPERATOR,
        member="",
    )
    stroke.notes.append(f"up to revision {revision - keep}")


CLUSTER_FAULTS = (
    Fault("add-remove", "membership", "a member joins, votes, and is removed", 1.0, Takes.NONE, (2.0, 8.0), add, take_away),
    Fault("replace", "membership", "a member loses its volume and is replaced", 1.0, Takes.ONE, (0.5, 4.0), lose_the_volume, replace),
    Fault("transfer", "leadership", "leadership is moved to a named member", 3.0, Takes.NONE, (0.1, 0.2), transfer,
          aimed=True),
    Fault("step-down", "leadership", "the leader steps down", 2.0, Takes.NONE, (0.1, 0.2), step_down),
    Fault("compact", "maintenance", "history is compacted", 1.5, Takes.NONE, (0.1, 0.2), compact,
          parameters={"keep_revisions": (300, 8_000)}),
)  # fmt: skip
