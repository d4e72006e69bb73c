"""The PodMonitor of the Prometheus operator, for where its CRD exists."""

from __future__ import annotations

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.certificate import AUTHORITY_KEY, tls_secret
from quorate_operator.objects.identity import Identity, Object


def pod_monitor(spec: ConsensusClusterSpec, identity: Identity) -> Object | None:
    """None when not wanted."""
    if not spec.metrics.pod_monitor:
        return None
    endpoint: Object = {"port": "api", "path": "/metrics", "interval": f"{spec.metrics.interval_s}s"}
    if spec.tls.mode != "Disabled":
        secret = tls_secret(spec, identity)
        source, name = ("secret", secret) if secret else ("configMap", identity.trust_bundle)
        endpoint["scheme"] = "https"
        endpoint["tlsConfig"] = {
            "ca": {source: {"name": name, "key": AUTHORITY_KEY}},
            "serverName": f"{identity.name}.{identity.namespace}.svc",
        }
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PodMonitor",
        "metadata": identity.metadata(identity.name, labels=spec.metrics.labels),
        "spec": {"selector": {"matchLabels": identity.selector}, "podMetricsEndpoints": [endpoint]},
    }
