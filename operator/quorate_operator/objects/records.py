"""Two immutable ConfigMaps: that a cluster is being founded and on which volume, and, once it was seen to live, its id.

Without them a cluster whose volumes were all deleted would look like one that was never made, and would be founded a second time.
"""

from __future__ import annotations

from quorate_operator.objects.identity import Identity, Object


def founding_record(identity: Identity, pod: str, volume_uid: str) -> Object:
    """Written before the one call that founds the cluster. `token` is the resource's own uid: no secret, the same on every try."""
    return _record(identity, identity.founding_record, {"token": identity.uid, "pod": pod, "volumeUid": volume_uid})


def cluster_record(identity: Identity, cluster_id: str) -> Object:
    """Written when the first member is seen to belong to a cluster."""
    return _record(identity, identity.cluster_record, {"clusterId": cluster_id})


def _record(identity: Identity, name: str, data: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": identity.metadata(name), "immutable": True, "data": data}
