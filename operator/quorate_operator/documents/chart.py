"""The parts of helm/quorate/ that are written from elsewhere: the CRD and the warnings from the models, the README from the values."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from quorate_operator.api.admission import warning_policy
from quorate_operator.api.crd import custom_resource_definition
from quorate_operator.crd_files import text
from quorate_operator.documents.values import Value, values_in

KEEP = {"helm.sh/resource-policy": "keep"}
"""Helm never deletes what carries it: with the CRD every cluster would go."""
CRD_PART = "templates/crds/consensusclusters.yaml"
WARNINGS_PART = "templates/warnings.yaml"
README_PART = "README.md"


def generated_parts(chart: Path) -> Mapping[str, str]:
    """Path below the chart, and content."""
    crd = copy.deepcopy(custom_resource_definition())
    crd["metadata"]["annotations"] = KEEP
    values = (chart / "values.yaml").read_text(encoding="utf-8")
    return {
        CRD_PART: conditional("crds.install", [crd]),
        WARNINGS_PART: conditional("warnings.enabled", warning_policy()),
        README_PART: readme(values_in(values)),
    }


def conditional(switch: str, objects: Sequence[Mapping[str, Any]]) -> str:
    """A template that holds these objects where the value is true. Raises ValueError where Helm would read one of them as an action."""
    body = text(objects)
    if "{{" in body:
        raise ValueError("a text holds `{{`, which Helm reads as an action of its own: word it differently")
    return f"{{{{- if .Values.{switch} }}}}\n{body}{{{{- end }}}}\n"


HEAD = """# The chart of Quorate's operator

Installs the operator, the `ConsensusCluster` resource, and what both need. Kubernetes 1.30 or newer, Helm 3.14 or newer.

```console
$ helm install quorate ./helm/quorate --namespace quorate-system --create-namespace
$ helm test quorate --namespace quorate-system
```

`helm install` ends with the steps to a first cluster. [Installing](../../docs/install.md) has the rest: upgrades, one namespace only, an
installation without Helm, and how to take it away again.

* **The CustomResourceDefinition is a template** (`crds.install`), so that an upgrade of the chart upgrades it too; it carries
  `helm.sh/resource-policy: keep`, so that `helm uninstall` leaves it, and with it every cluster.
* **An upgrade of the operator restarts no member**: what a running cluster was made with is pinned in its StatefulSet.
* **Without the operator** clusters go on serving, electing and rejoining. `replicas: 0` is a way to stop all of its work.
* Values that do not exist are refused by name, and each has its bounds (`values.schema.json`).

## What it may do

With `watchNamespaces` empty a ClusterRole, else a Role in each of them:

* its children: StatefulSets, Services, ConfigMaps, PersistentVolumeClaims, PodDisruptionBudgets, NetworkPolicies, ServiceAccounts, Roles,
  RoleBindings, EndpointSlices; PodMonitors, Certificates and ResourceClaimTemplates where there are such;
* pods: looked at, evicted, resized, and never deleted; Events;
* Secrets: `get` of one that a resource names, and no list;
* `bind` on the one ClusterRole `quorate-member`; `escalate` and `impersonate` nowhere.

The webhook (`injection.enabled`) is shown the pods with the label `quorate.io/inject` when they are made, and no others; `failurePolicy` is
Ignore. For it the operator may read and change its own MutatingWebhookConfiguration, by name: it writes there which authority its
certificate is of.

Besides: nodes, volumes and StorageClasses to read (`rbac.nodes`), and, where it looks after all namespaces, requests for certificates of
the signer `quorate.io/member`. In its own namespace: the Lease, and the Secrets with the clusters' certificate authorities.

Members have the ClusterRole `quorate-member`, each cluster's ServiceAccount in its own namespace: EndpointSlices to read, so that they
find each other. Where the operator looks after all namespaces, ServiceAccounts may besides make and read requests for certificates, which
are of the whole Kubernetes and hold no secret; a request grants nothing, and the operator signs those of the one signer only, for the very
pod that asks. People get rights over ConsensusClusters with the roles `view`, `edit` and `admin` of their namespace (`rbac.aggregate`).

## Values

This table is made from `values.yaml` (`make operator-docs`); a test holds both equal.

| value | default | |
|---|---|---|
"""


def readme(values: Sequence[Value]) -> str:
    return HEAD + "".join(f"| `{value.path}` | {_in_words(value.default)} | {_cell(value.description)} |\n" for value in values)


def _in_words(default: Any) -> str:
    if default in ("", [], {}):
        return "empty"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _cell(description: str) -> str:
    return description.replace("|", "\\|")
