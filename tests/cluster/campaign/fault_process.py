"""Faults of processes: killed, paused, restarted, with clocks that went elsewhere and disks that lost or turned over some bits."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.cluster.campaign.faults import Fault, Skipped, Stroke, Takes
from tests.cluster.conftest import faketime_library
from tests.cluster.harness.disk import NothingWritten, begin_write, flip_bit, last_written
from tests.cluster.harness.member import Member

SLEEP_REFUSED = "OSError: [Errno 22] Invalid argument"
BACK_TIMEOUT_S = 150.0
"""For a start and for catching up, on a machine that does other things as well."""


async def kill(stroke: Stroke) -> None:
    await asyncio.gather(*(victim.kill() for victim in stroke.victims))


async def bring_back(stroke: Stroke) -> None:
    for victim in stroke.victims:
        if not victim.running:
            await victim.start()
    for victim in stroke.victims:
        took_s = await stroke.site.caught_up(victim, BACK_TIMEOUT_S)
        stroke.notes.append(f"{victim.name} had caught up after {took_s:.1f} s")


async def bring_back_whatever_came(stroke: Stroke) -> None:
    """After a fault on which the victim may stop itself, a moment later even: if it goes on it must catch up, else it is started."""
    try:
        await bring_back(stroke)
    except AssertionError:
        if stroke.victim.running:
            raise
        stroke.notes.append("it stopped itself")
        await bring_back(stroke)
    stroke.victim.tolerate_no_more()


async def pause(stroke: Stroke) -> None:
    for victim in stroke.victims:
        victim.freeze()


async def resume(stroke: Stroke) -> None:
    for victim in stroke.victims:
        victim.thaw()
    for victim in stroke.victims:
        await stroke.site.caught_up(victim, BACK_TIMEOUT_S)


async def stop(stroke: Stroke) -> None:
    status = await stroke.victim.stop()
    assert status == 0, f"{stroke.victim.name} ended with status {status} after SIGTERM:\n{stroke.victim.log_tail()}"


async def roll(stroke: Stroke) -> None:
    """Every member stopped and started, one after the other, as an upgrade does it."""
    for victim in stroke.victims:
        await victim.stop()
        await victim.start()
        await stroke.site.caught_up(victim, BACK_TIMEOUT_S)


async def tear_a_write(stroke: Stroke) -> None:
    await stroke.victim.kill()
    kept_bytes = int(stroke.parameters["kept_bytes"])
    try:
        begin_write(stroke.victim.data, kept_bytes)
    except NothingWritten as nothing:
        stroke.notes.append(f"a kill alone: {nothing}")
        return
    stroke.notes.append(f"{kept_bytes} bytes of a write behind the last of {last_written(stroke.victim.data).path.name}")


async def turn_a_bit_over(stroke: Stroke) -> None:
    await stroke.victim.kill()
    try:
        written = last_written(stroke.victim.data)
    except NothingWritten as nothing:
        stroke.notes.append(f"a kill alone: {nothing}")
        return
    offset = written.begin + int((written.end - written.begin) * stroke.parameters["where"])
    flip_bit(written.path, offset)
    stroke.notes.append(f"{written.path.name} at byte {offset}")


async def another_monotonic_clock(stroke: Stroke) -> None:
    """As after a reboot: the member's monotonic and boot clocks begin elsewhere (a time namespace)."""
    await stroke.victim.kill()
    offset_s = int(stroke.parameters["offset_s"])
    stroke.victim.wrapper = ["unshare", "-T", f"--monotonic={offset_s}", f"--boottime={offset_s}"]
    await bring_back(stroke)


async def usual_monotonic_clock(stroke: Stroke) -> None:
    await stroke.victim.kill()
    stroke.victim.wrapper = []
    await bring_back(stroke)


def clock_file(member: Member) -> Path:
    return member.directory / "wall-clock"


async def movable_wall_clock(stroke: Stroke) -> None:
    """Restart under libfaketime and then, while the member runs, let the wall clock jump."""
    victim = stroke.victim
    library = faketime_library()
    if library is None:
        raise Skipped("libfaketime is not there")
    await victim.stop()
    clock_file(victim).write_text("+0s\n")
    stroke.memory["environment"] = victim.environment.get("LD_PRELOAD", "")
    preload = f"{victim.environment['LD_PRELOAD']}:{library}" if "LD_PRELOAD" in victim.environment else str(library)
    victim.environment |= {
        "LD_PRELOAD": preload,
        "FAKETIME_TIMESTAMP_FILE": str(clock_file(victim)),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    await bring_back(stroke)
    victim.tolerate()
    clock_file(victim).write_text(f"{int(stroke.parameters['jump_s']):+d}s\n")


async def kernel_wall_clock(stroke: Stroke) -> None:
    """The member must have borne the jump, but for what libfaketime does and no kernel: it may refuse a thread's `time.sleep`."""
    victim = stroke.victim
    if victim.running:
        await victim.stop()
    else:
        assert SLEEP_REFUSED in victim.log_tail(60), f"{victim.name} ended by itself when its wall clock jumped:\n{victim.log_tail()}"
        stroke.notes.append("libfaketime refused a thread's sleep")
    victim.tolerate_no_more()
    for name in [name for name in victim.environment if "FAKE" in name or name == "LD_PRELOAD"]:
        del victim.environment[name]
    if stroke.memory.get("environment"):
        victim.environment["LD_PRELOAD"] = stroke.memory["environment"]
    await bring_back(stroke)


PROCESS_FAULTS = (
    Fault("kill", "kill", "kill -9 of one member", 5.0, Takes.ONE, (0.2, 4.0), kill, bring_back),
    Fault("kill-minority", "kill", "kill -9 of as many as may be missing", 1.5, Takes.MINORITY, (0.2, 4.0), kill, bring_back),
    Fault("kill-all", "kill", "kill -9 of all members at once", 1.0, Takes.ALL, (0.1, 1.5), kill, bring_back, alone=True),
    Fault("lag", "kill", "a member is away so long that only a snapshot brings it back", 1.0, Takes.ONE, (6.0, 12.0), kill, bring_back),
    Fault("pause", "pause", "SIGSTOP of one member", 4.0, Takes.ONE, (0.3, 5.0), pause, resume),
    Fault("pause-all", "pause", "SIGSTOP of all members, as a suspended machine", 0.7, Takes.ALL, (0.3, 3.0), pause, resume, alone=True),
    Fault("restart", "maintenance", "SIGTERM, and a start a while later", 2.0, Takes.ONE, (0.1, 2.0), stop, bring_back),
    Fault("rolling-restart", "maintenance", "SIGTERM of each member in turn", 0.7, Takes.ALL, (0.1, 0.2), roll, alone=True),
    Fault("torn-write", "disk", "a crash that tears a write of the log", 1.5, Takes.ONE, (0.2, 2.0), tear_a_write, bring_back,
          {"kept_bytes": (1, 60)}),
    Fault("bit-rot", "disk", "a bit of the log turned over while the member was down", 1.0, Takes.ONE, (0.2, 2.0), turn_a_bit_over,
          bring_back, {"where": (0.2, 0.8)}),
    Fault("monotonic-clock", "clock", "a boot whose monotonic clock begins elsewhere", 1.0, Takes.ONE, (2.0, 6.0),
          another_monotonic_clock, usual_monotonic_clock, {"offset_s": (0, 10_000_000)}),
    Fault("wall-clock", "clock", "a wall clock that jumps by up to an hour", 0.7, Takes.ONE, (3.0, 8.0), movable_wall_clock,
          kernel_wall_clock, {"jump_s": (-3_600, 3_600)}, needs="faketime"),
)  # fmt: skip
