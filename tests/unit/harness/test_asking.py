"""A question to one member after the other: what one may have done is not told as refused because the next one says so."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cluster.harness.api import Refused, Unknown
from tests.cluster.harness.cluster import ClusterUnderTest


def cluster_of(tmp_path: Path, *answers: Exception | dict[str, Any]) -> ClusterUnderTest:
    """A cluster whose members give these answers; no processes."""
    cluster = ClusterUnderTest(tmp_path, len(answers))
    told: Any = cluster
    told.members = [SimpleNamespace(running=True, url=f"m{number}") for number in range(len(answers))]

    async def call(url: str, method: str, path: str, body: object) -> dict[str, Any]:
        answer = answers[int(url[1:])]
        if isinstance(answer, Exception):
            raise answer
        return answer

    told.api = SimpleNamespace(call=call)
    return cluster


async def test_the_first_answer_counts(tmp_path: Path) -> None:
    assert await cluster_of(tmp_path, Refused("NotReady", ""), {"revision": 7}, {"revision": 8}).ask("GET", "/") == {"revision": 7}


async def test_what_one_may_have_done_is_unknown_though_the_next_one_refuses_it_as_done(tmp_path: Path) -> None:
    """Seen in a campaign: a compaction timed out at one member, was carried out, and refused as compacted already by the next."""
    with pytest.raises(Unknown, match="timed out"):
        await cluster_of(tmp_path, Refused("NotReady", ""), Unknown("timed out"), Refused("Compacted", "")).ask("POST", "/v1/compact", {})


async def test_what_all_refuse_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="Compacted"):
        await cluster_of(tmp_path, Refused("NotReady", ""), Refused("Compacted", "")).ask("POST", "/v1/compact", {})
