"""Where members run, and where the leader should be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from quorate_operator.api.model import Free, Labels, Model, Name, Zone, rule, rules


class Placement(Model):
    """Members are spread over zones and nodes. Zones only distribute the members: they are one group of voters."""

    model_config = rules(
        rule(
            "self.zones.size() == 0 || self.preferredLeaderZones.all(zone, zone in self.zones)",
            "placement.preferredLeaderZones names a zone that placement.zones leaves out: no member can run there; add it to both",
            field=".preferredLeaderZones",
        ),
    )

    zones: Annotated[tuple[Zone, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "set"})] = ()
    """Zones that members may run in. Empty: any."""
    preferred_leader_zones: Annotated[tuple[Zone, ...], Field(max_length=16, json_schema_extra={"x-kubernetes-list-type": "set"})] = ()
    """A caught-up member in one of these is given the leadership. A preference: failover never waits for it."""
    preferred_leader: Annotated[str, Field(max_length=63, pattern=r"^([a-z][-a-z0-9]*-[0-9]+)?$")] = ""
    """Name of the pod that is given the leadership while it has caught up and all members are well; it goes before the zones. A
    preference: failover never waits for it, and a pod that is not there is no reason for anything. Empty: any."""
    nodes: Literal["Required", "Preferred"] = "Preferred"
    """Whether two members may share a node when there is no other."""
    zone_spread: Literal["Required", "Preferred"] = "Preferred"
    """Whether zones may hold unequal numbers of members."""
    node_selector: Labels = Field(default_factory=dict)
    """Labels of the nodes that members may run on."""
    tolerations: Annotated[tuple[Free, ...], Field(max_length=16)] = ()
    """Taints that members tolerate."""
    priority_class_name: Name | None = None
    """PriorityClass of the pods: who is evicted for whom when a node is full."""
