"""Which cluster judges which request: exactly one, or none, since two could answer differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from quorate_operator.issuing.issuer import is_issued
from quorate_operator.issuing.parsing import is_open, pod_uids_of, user_of
from quorate_operator.objects.access import members_user_of
from quorate_operator.objects.identity import ClusterKey, Object

Judged = Mapping[ClusterKey | None, Sequence[Object]]
"""Open requests by the cluster that judges them; None: those of nobody's user."""


def by_judge(
    resources: Mapping[ClusterKey, Object], pods: Iterable[Mapping[ClusterKey, Sequence[str]]], requests: Iterable[Object]
) -> Judged:
    """The cluster of the pod that asked, else of the user who did; of clusters that share a user, the first. `pods`: uids of the clusters'
    own, then of those of others that have a member beside their containers.

    That finds a judge and proves nothing: a pod's label only says which cluster looks at its owners.
    """
    issued = sorted(key for key, resource in resources.items() if is_issued(resource))
    by_pod: dict[str, ClusterKey] = {}
    for kind in pods:
        for key in issued:
            for uid in kind.get(key, ()):
                by_pod.setdefault(uid, key)
    by_user: dict[str, ClusterKey] = {}
    for key in issued:
        by_user.setdefault(members_user_of(resources[key]), key)
    found: dict[ClusterKey | None, list[Object]] = {}
    for item in filter(is_open, requests):
        uids = pod_uids_of(item)
        judge = by_pod.get(uids[0]) if len(uids) == 1 else None
        found.setdefault(judge or by_user.get(user_of(item)), []).append(item)
    return found
