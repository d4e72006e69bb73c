"""Faults of a running member's disk, by the preloaded library of `tests/cluster/shim`: slow, stalled, failing, full, and torn writes."""

from __future__ import annotations

import errno

from tests.cluster.campaign.fault_process import bring_back_whatever_came
from tests.cluster.campaign.faults import Act, Fault, Stroke, Takes
from tests.cluster.shim.disk_fault import DiskFault


def disk_of(stroke: Stroke) -> DiskFault:
    disk = stroke.victim.disk
    assert disk is not None, "a member of a campaign with disk faults is started under the library"
    return disk


async def slow(stroke: Stroke) -> None:
    stroke.victim.tolerate()
    disk_of(stroke).delay(int(stroke.parameters["delay_ms"]), percent=stroke.parameters["percent"])


def failing(number: int, operations: tuple[str, ...], count: int | None) -> Act:
    async def begin(stroke: Stroke) -> None:
        stroke.victim.tolerate()  # a member that cannot keep its promises stops: that is one right answer
        disk_of(stroke).fail(number, operations, count=count)

    return begin


async def tear(stroke: Stroke) -> None:
    stroke.victim.tolerate()
    disk_of(stroke).tear(int(stroke.parameters["kept_bytes"]))


async def sound_again(stroke: Stroke) -> None:
    disk = disk_of(stroke)
    disk.clear()
    counts = {kind: count.hit for kind, count in disk.counts().items() if count.hit}
    stroke.notes.append(f"hit in all its lives: {counts}")
    await bring_back_whatever_came(stroke)


DISK_FAULTS = (
    Fault("slow-disk", "disk", "syncs of one member take long", 1.5, Takes.ONE, (1.0, 6.0), slow, sound_again,
          {"delay_ms": (10.0, 300.0), "percent": (20.0, 100.0)}, needs="shim"),
    Fault("stalled-disk", "disk", "syncs of one member stall for longer than a leader may", 1.0, Takes.ONE, (2.0, 6.0), slow, sound_again,
          {"delay_ms": (1_500.0, 4_000.0), "percent": (50.0, 100.0)}, needs="shim"),
    Fault("failed-sync", "disk", "a sync ends with an input/output error", 1.0, Takes.ONE, (0.5, 2.0), failing(errno.EIO, ("sync",), 1),
          sound_again, needs="shim"),
    Fault("failed-write", "disk", "a write ends with an input/output error", 1.0, Takes.ONE, (0.5, 2.0), failing(errno.EIO, ("write",), 1),
          sound_again, needs="shim"),
    Fault("full-disk", "disk", "no write finds space", 1.0, Takes.ONE, (0.5, 3.0), failing(errno.ENOSPC, ("write", "allocate"), None),
          sound_again, needs="shim"),
    Fault("cut-write", "disk", "the process dies in the middle of a write", 1.5, Takes.ONE, (0.3, 1.5), tear, sound_again,
          {"kept_bytes": (0, 400)}, needs="shim"),
)  # fmt: skip
