"""What a cluster has before anybody asks: rights of its own parts, a storage class, volumes on the nodes' disks."""

from __future__ import annotations

from tests.kubernetes.bed.layout import STORAGE_CLASS, NodePlace

Object = dict[str, object]


def _binding(name: str, role: str, user: str) -> Object:
    api = "rbac.authorization.k8s.io"
    return {
        "apiVersion": f"{api}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": api, "kind": "User", "name": user}],
    }


def cluster_objects() -> list[Object]:
    """For a list and a watch of everything, `view` is what DNS needs; the role of nodes' proxies is Kubernetes' own."""
    watched = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    return [
        _binding("bed:proxy", "system:node-proxier", "system:kube-proxy"),
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "bed:dns"}, "rules": watched},
        _binding("bed:dns", "bed:dns", "system:coredns"),
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": STORAGE_CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "kubernetes.io/no-provisioner",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    ]


def local_volume(place: NodePlace, number: int, size: str = "100Gi") -> Object:
    """A folder on one node, whose size nobody measures.

    Unlike the host-path provisioner's it honours `fsGroup`, and keeps its pod on its node as a real disk does.
    """
    name = f"{place.name}-{number}"
    terms = [{"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [place.name]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": size},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": str(place.volumes / str(number))},
            "nodeAffinity": {"required": {"nodeSelectorTerms": terms}},
        },
    }
