"""Every failpoint by name: the table that documentation, `--list-failpoints` and the tests read. The markers in the source must agree."""

from __future__ import annotations

from typing import NamedTuple

from quorate_node.failpoints.places import api, replica, store, transport


class Site(NamedTuple):
    """`skip`: the action `skip` leaves the place out; what that means is in `when`."""

    files: tuple[str, ...]
    """Relative to the package. More than one: the same moment of a real and a simulated store."""
    when: str
    good_for: str
    skip: bool = False


def _sites() -> dict[str, Site]:
    sites: dict[str, Site] = {}
    for room in (store.PLACES, replica.PLACES, transport.PLACES, api.PLACES):
        for name, (files, when, good_for, *skip) in room.items():
            assert name not in sites, f"{name} is named twice"
            sites[name] = Site(tuple(files.split()), when, good_for, bool(skip))
    return sites


SITES: dict[str, Site] = _sites()
