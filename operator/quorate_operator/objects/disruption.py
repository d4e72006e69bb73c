"""The PodDisruptionBudget: what a node drain may take away."""

from __future__ import annotations

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import Identity, Object

BUDGET_REPLICAS_MIN = 3
"""Below it there is no budget: one that allows nothing would block every drain for good."""


def disruption_budget(spec: ConsensusClusterSpec, identity: Identity, *, closed: bool = False) -> Object | None:
    """One member at a time; none while the restart gate is `closed`.

    `IfHealthyBudget`: a member that is not ready may be drained while the others hold the quorum, and not while it may be the one
    that brings it back. `AlwaysAllow` would let a drain take all members of a group that lost its leader for a moment.
    """
    if spec.replicas < BUDGET_REPLICAS_MIN or spec.hibernated:
        return None
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": identity.metadata(identity.name),
        "spec": {
            "maxUnavailable": 0 if closed else 1,
            "unhealthyPodEvictionPolicy": "IfHealthyBudget",
            "selector": {"matchLabels": identity.selector},
        },
    }
