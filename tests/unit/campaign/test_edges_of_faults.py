"""Where a fault finds less than it needs: a log that is empty at that moment, a leader that does not know yet what was acknowledged."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cluster.campaign.fault_process import tear_a_write, turn_a_bit_over
from tests.cluster.campaign.faults import Act, Stroke
from tests.cluster.campaign.site import Site
from tests.cluster.harness.disk import SEGMENT_HEADER_BYTES, NothingWritten, last_written

EMPTY_WRITE_AHEAD = Path("log") / "000059.log"
EMPTY_SEGMENT = Path("segments") / "segment-0000000000000001"


def directory_with(tmp_path: Path, name: Path, content: bytes) -> Path:
    path = tmp_path / name
    path.parent.mkdir()
    path.write_bytes(content)
    return tmp_path


def test_a_log_whose_newest_file_is_empty_has_nothing_written_and_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingWritten, match="below"):
        last_written(directory_with(tmp_path, EMPTY_WRITE_AHEAD, b""))


@pytest.mark.parametrize("begin", [tear_a_write, turn_a_bit_over])
@pytest.mark.parametrize(("name", "content"), [(EMPTY_WRITE_AHEAD, b""), (EMPTY_SEGMENT, bytes(2 * SEGMENT_HEADER_BYTES))])
async def test_a_member_whose_log_is_empty_at_that_moment_is_killed_and_nothing_else(
    tmp_path: Path, begin: Act, name: Path, content: bytes
) -> None:
    """Seen in a campaign: a member had just flushed and compacted all of its log, and the fault failed for want of a byte to hit."""
    data, killed = directory_with(tmp_path, name, content), []

    async def kill() -> None:
        killed.append(True)

    victim: Any = SimpleNamespace(data=data, kill=kill)
    site: Any = None
    stroke = Stroke(site, "1-bit-rot", [victim], {"where": 0.5, "kept_bytes": 7})
    await begin(stroke)
    assert killed == [True] and stroke.notes[0].startswith("a kill alone")
    assert (data / name).read_bytes() == content


async def test_the_members_are_those_of_a_leader_that_has_applied_all_that_was_acknowledged() -> None:
    """Seen in a campaign: a member voted, and the leader that was asked next had not heard of it yet."""
    asked: list[str] = []

    class Listing(Site):
        def __init__(self) -> None:
            async def get(url: str, key: str) -> None:
                asked.append("a linearizable read")

            async def call(url: str, method: str, path: str) -> dict[str, Any]:
                asked.append(path)
                return {"members": [{"name": "m5", "member_id": "7"}] if asked[0] == "a linearizable read" else []}

            told: Any = self
            told.api = SimpleNamespace(get=get, call=call)

        async def leader_now(self) -> Any:
            return SimpleNamespace(url="http://m1")

    assert [member["name"] for member in await Listing().listed()] == ["m5"]
    assert asked == ["a linearizable read", "/v1/members"]
