"""The releases that a simulated cluster may run, and what the next one changes: apply semantics, and a kind that the first does not know.

Both run the same code, as a new release runs all of the old one's; what an entry does is decided by the cluster version in force alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from quorate.wire.commands import CommandKind
from quorate_node.machine.interface import UnknownCommand
from quorate_node.machine.rules import CLUSTER_VERSION_FIRST, CLUSTER_VERSION_MAX, KIND_SINCE, RULES, Release
from quorate_node.store.errors import FormatTooNew

PREVIOUS = Release(CLUSTER_VERSION_FIRST, CLUSTER_VERSION_MAX)
NEXT = Release(CLUSTER_VERSION_FIRST, CLUSTER_VERSION_MAX + 1)
NEW_KIND = CommandKind.COMPACT
"""In these worlds it came with the next release."""
LEASE_TTL_MS_MIN = 2_000


@contextmanager
def two_releases(wanted: bool) -> Iterator[None]:
    """Within, the next release is there; unless `wanted`, nothing changes."""
    if not wanted:
        yield
        return
    newest, since = NEXT.version_high, KIND_SINCE[NEW_KIND]
    RULES[newest] = replace(RULES[CLUSTER_VERSION_MAX], lease_ttl_ms_min=LEASE_TTL_MS_MIN)
    KIND_SINCE[NEW_KIND] = newest
    try:
        yield
    finally:
        del RULES[newest]
        KIND_SINCE[NEW_KIND] = since


def stopped_as_too_old(release: Release, reason: BaseException | None) -> bool:
    """Whether a member stopped because its release does not know the cluster version in force: as it must, until somebody upgrades it."""
    return release == PREVIOUS and isinstance(reason, UnknownCommand | FormatTooNew)
