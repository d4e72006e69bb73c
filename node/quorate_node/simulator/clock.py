"""A member's own clocks: they run fast or slow, stand still while the machine sleeps or is stopped by its host, and may be set by a fault.

What real ones do (clock_gettime(2), time(7)): CLOCK_MONOTONIC and CLOCK_BOOTTIME never go back within a life of a machine; the first
stands still during suspend, the second does not. A virtual machine that its host stops counts neither, so seen from outside both go back
by as long as that lasts. CLOCK_REALTIME is set by people and by NTP, in both directions.
"""

from __future__ import annotations

MILLION = 1_000_000
WALL_BEGINS_NS = 1_700_000_000 * 1_000_000_000


class MachineClocks:
    """Those of one machine. The first two show the same until it sleeps."""

    def __init__(self, offset_ns: int, drift_ppm: int) -> None:
        self.boot = Clock(offset_ns, drift_ppm)
        """As CLOCK_BOOTTIME, which runs while the machine sleeps: what the member counts leases by."""
        self.timers = Clock(offset_ns, drift_ppm)
        """As CLOCK_MONOTONIC, which does not: the event loop's."""
        self.wall = Clock(WALL_BEGINS_NS + offset_ns, drift_ppm)
        """As CLOCK_REALTIME: no member may decide anything by it."""

    def set_drift(self, virtual_ns: int, drift_ppm: int) -> None:
        for clock in (self.boot, self.timers, self.wall):
            clock.set_drift(virtual_ns, drift_ppm)

    def jump(self, virtual_ns: int, forward_ns: int) -> None:
        for clock in (self.boot, self.timers):
            clock.jump(virtual_ns, forward_ns)

    def restart(self, virtual_ns: int, local_ns: int) -> None:
        """The machine is switched on."""
        for clock in (self.boot, self.timers):
            clock.restart(virtual_ns, local_ns)


class Clock:
    """Maps virtual time (integer nanoseconds, common to all) to what one machine's clock shows, and back.

    Never decreases unless it is restarted: what it stands for (CLOCK_MONOTONIC, CLOCK_BOOTTIME) does not either.
    """

    def __init__(self, offset_ns: int = 0, drift_ppm: int = 0) -> None:
        """`drift_ppm` parts in a million: 50,000 runs 5 % fast."""
        assert drift_ppm > -MILLION, "a clock that stands still or runs backwards is no monotonic one"
        self._base_virtual_ns = 0
        self._base_local_ns = offset_ns
        self._rate = MILLION + drift_ppm

    def local(self, virtual_ns: int) -> int:
        if self._rate == MILLION:
            return virtual_ns + self._base_local_ns - self._base_virtual_ns
        return self._base_local_ns + (virtual_ns - self._base_virtual_ns) * self._rate // MILLION

    def later(self, virtual_ns: int, delay_ns: int) -> int:
        """The first virtual time at which this clock shows at least `delay_ns` more than it does at `virtual_ns`."""
        if self._rate == MILLION:
            return virtual_ns + delay_ns
        return self.virtual(self.local(virtual_ns) + delay_ns)

    def virtual(self, local_ns: int) -> int:
        """The first virtual time at which this clock shows at least `local_ns`."""
        return self._base_virtual_ns - (self._base_local_ns - local_ns) * MILLION // self._rate

    def set_drift(self, virtual_ns: int, drift_ppm: int) -> None:
        """From now on; what it shows now stays."""
        assert drift_ppm > -MILLION
        self._rebase(virtual_ns)
        self._rate = MILLION + drift_ppm

    def jump(self, virtual_ns: int, forward_ns: int) -> None:
        """A broken clock: no bound on drift holds over this moment."""
        assert forward_ns >= 0, "a monotonic clock is never set back"
        self._rebase(virtual_ns)
        self._base_local_ns += forward_ns

    def restart(self, virtual_ns: int, local_ns: int) -> None:
        """It shows this, more than before or less: its machine was switched on, or has slept, or it is a wall clock that was set."""
        self._base_local_ns, self._base_virtual_ns = local_ns, virtual_ns

    def _rebase(self, virtual_ns: int) -> None:
        self._base_local_ns = self.local(virtual_ns)
        self._base_virtual_ns = virtual_ns
