"""A snapshot carries the state of the application's own machine: a cluster that is restored from it goes on where it was."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cluster.harness.api import Refused
from tests.cluster.harness.cluster import ClusterUnderTest
from tests.cluster.harness.member import Member

MACHINES = Path(__file__).resolve().parents[1] / "unit" / "machine" / "application"
REPOSITORY = Path(__file__).resolve().parents[2]
SETTINGS = {"application": {"machine": "sample_machines:Counter"}}
FORMAT_PLACE = 9
"""Of the low byte of a snapshot file's format."""

pytestmark = pytest.mark.timeout(400)


@pytest.fixture(autouse=True)
def _machines_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(MACHINES), prepend=":")


async def propose(cluster: ClusterUnderTest, member: Member, payload: str) -> str:
    """What the machine answered; asked again while it is not registered yet."""
    found = ""

    async def answered() -> bool:
        nonlocal found
        body = {"payload": payload, "encoding": "text"}
        found = str((await cluster.api.call(member.url, "POST", "/v1/propose", body))["value"])
        return True

    await cluster.until(answered, "an answer of the machine")
    return found


async def snapshot(member: Member) -> bytes:
    async with aiohttp.ClientSession() as session, session.get(f"{member.url}/v1/snapshot") as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def restore(member: Member, data: bytes) -> dict[str, Any]:
    headers = {"content-type": "application/octet-stream"}
    url = f"{member.url}/v1/restore?token=again"
    async with aiohttp.ClientSession() as session, session.post(url, data=data, headers=headers) as answer:
        content = dict(await answer.json())
        if answer.status != 200:
            raise Refused(content["error"], content["message"])
        return content


def with_trailer(content: bytes) -> bytes:
    """A file whose own hash is right, whatever is in it."""
    return content + sha256(content).digest()


async def empty_member(cluster: ClusterUnderTest) -> Member:
    (member,) = cluster.members
    await member.start()
    await cluster.until(lambda: _answers(cluster, member), "an empty member that answers")
    return member


async def _answers(cluster: ClusterUnderTest, member: Member) -> bool:
    return bool(await cluster.api.status(member.url))


async def test_a_restored_cluster_goes_on_with_the_applications_state(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path / "old", 1, settings=SETTINGS) as old:
        await old.start()
        (member,) = old.members
        await old.api.put(member.url, "k", "v")
        for step, total in ((5, 5), (7, 12), (30, 42)):
            assert await propose(old, member, str(step)) == str(total)
        trace = await propose(old, member, "trace")
        assert trace.count(":") == 6, "three commands were applied"
        data = await snapshot(member)
        assert await propose(old, member, "900") == "942", "the old cluster goes on behind its snapshot"
    assert data[FORMAT_PLACE] == 2
    async with ClusterUnderTest(tmp_path / "new", 1, settings=SETTINGS) as new:
        member = await empty_member(new)
        damaged = bytearray(data[:-32])
        damaged[-60] ^= 1  # in the application's part, under a trailer that is right
        with pytest.raises(Refused, match=r"the application's snapshot is damaged: .* has another SHA-256 than its trailer says"):
            await restore(member, with_trailer(bytes(damaged)))
        with pytest.raises(Refused, match=r"it is cut at byte \d+, inside the application's snapshot"):
            await restore(member, data[:-80])
        await restore(member, data)
        await member.wait_ready()
        assert (await new.api.get(member.url, "k")).value == "v"
        assert await propose(new, member, "trace") == trace, "every command once, with its old index and time"
        assert await propose(new, member, "1") == "43"
        for how in (member.stop, member.kill):
            await how()
            await member.start()
            await member.wait_ready()
            assert (await propose(new, member, "trace")).startswith(trace)
        assert await propose(new, member, "1") == "44", "what was proposed since is read again from the new log"
        again = await snapshot(member)
    async with ClusterUnderTest(tmp_path / "third", 1, settings=SETTINGS) as third:
        member = await empty_member(third)
        await restore(member, again)
        await member.wait_ready()
        assert await propose(third, member, "1") == "45", "a restored cluster can be saved again"


async def test_a_snapshot_without_an_application_is_a_file_that_older_releases_read(tmp_path: Path) -> None:
    async with ClusterUnderTest(tmp_path, 1) as cluster:
        await cluster.start()
        await cluster.api.put(cluster.members[0].url, "k", b64encode(b"v").decode())
        assert (await snapshot(cluster.members[0]))[FORMAT_PLACE] == 1
