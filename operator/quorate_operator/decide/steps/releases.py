"""Which releases may follow which: a release that does not know what the log already holds would stop at it."""

from __future__ import annotations

import re

from quorate_operator.decide.outcome import COMPLETE, Outcome, Wait
from quorate_operator.decide.world import World
from quorate_operator.objects.container import image

CLUSTER_VERSIONS = (((0, 1, 0), 1),)
"""From this release on a node knows this cluster version; in ascending order. A release with new commands adds a line."""

Release = tuple[int, ...]


def release_of(reference: str) -> Release | None:
    """The release in an image's tag; None for a digest alone or for a tag that is none."""
    match = re.search(r":v?(\d+)\.(\d+)\.(\d+)[^:/]*$", reference.split("@", 1)[0])
    return tuple(int(part) for part in match.groups()) if match else None


def known_version(release: Release, table: tuple[tuple[Release, int], ...] = CLUSTER_VERSIONS) -> int:
    """The highest cluster version that a release knows; 0 for one before all."""
    return max((version for since, version in table if since <= release), default=0)


def release(world: World) -> Outcome:
    """Back to an older release only until a cluster version that it does not know is active."""
    wanted = release_of(image(world.spec, world.pinned))
    active = max((pod.answer.cluster_version for pod in world.pods if pod.answer is not None and pod.answer.cluster_id), default=0)
    newer = _newer_runs(world, wanted)
    if wanted is None or not newer or active <= known_version(wanted):
        return COMPLETE
    message = (
        f"release {'.'.join(map(str, wanted))} does not know cluster version {active}, which is active: set spec.version to"
        f" {newer} or later, or restore a snapshot into a new cluster of the older release"
    )
    return Wait("RollbackRefused", message, degraded=True)


def _newer_runs(world: World, wanted: Release | None) -> str:
    running = [pod.answer.version for pod in world.pods if pod.answer is not None]
    newer = [version for version in running if (found := release_of(f":{version}")) and wanted is not None and found > wanted]
    return max(newer, default="")
