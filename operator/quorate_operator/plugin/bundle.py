"""What a support bundle holds: gathered part by part, so that what may not be read leaves a line and takes nothing else with it."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import version

import yaml

from quorate_operator.api.model import GROUP, KIND
from quorate_operator.clients.errors import Failure
from quorate_operator.clients.kinds import CHILDREN
from quorate_operator.objects.container import CONTAINER
from quorate_operator.objects.identity import CLUSTER_LABEL, Object
from quorate_operator.plugin import redact
from quorate_operator.plugin.clusters import Clusters, Seen

OPERATOR_LABEL = "app.kubernetes.io/name=quorate-operator"
LOG_BYTES_MAX = 8 << 20
EVENTS_MAX = 2000
README = """A support bundle of the Quorate cluster {namespace}/{name}, made by kubectl-quorate {release}.

resource.yaml     the ConsensusCluster
children/         its objects, by kind; Secrets are never read
events.yaml       events of the resource and its objects
nodes.yaml        names, labels and states of the nodes
logs/             of its pods{logs}; previous: of the container before
operator/         pods, events and logs of the operator

Left out: values of the environment, command lines and probes of containers that are not ours, annotations of others, and whatever
looks like a key, a token or a password. Read it through before you give it away all the same: logs say what they say.
"""


@dataclass
class Bundle:
    """Files by name, and what could not be had."""

    files: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, text: str) -> None:
        self.files[name] = text.encode()

    def objects(self, name: str, items: list[Object]) -> None:
        if items:
            self.add(name, yaml.safe_dump_all([json.loads(json.dumps(redact.item(each))) for each in items], sort_keys=False))

    async def part(self, what: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Failure as failure:
            self.missing.append(f"{what}: {' '.join(str(failure).split())}")

    def archive(self, folder: str, now: float) -> bytes:
        """A gzipped tar of all files below one folder, readable by its owner alone."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
            for name, content in sorted(self.files.items()):
                entry = tarfile.TarInfo(f"{folder}/{name}")
                entry.size, entry.mode, entry.mtime = len(content), 0o600, int(now)
                tar.addfile(entry, io.BytesIO(content))
        return buffer.getvalue()


async def gather(clusters: Clusters, name: str, operator_namespace: str, log_lines: int, *, all_containers: bool) -> Bundle:
    """Raises only where the resource itself cannot be read."""
    found = await clusters.get(name)
    bundle = Bundle()
    every = "" if all_containers else ", the members' containers"
    bundle.add("README.txt", README.format(namespace=found.namespace, name=name, release=version("quorate"), logs=every))
    bundle.objects("resource.yaml", [{"apiVersion": f"{GROUP}/v1alpha1", "kind": KIND, **found.item}])
    names = {(KIND, name)}
    for kind in CHILDREN:
        await bundle.part(kind, lambda kind=kind: _children(clusters, bundle, found, kind, names))  # type: ignore[misc]
    await bundle.part("events", lambda: _events(clusters, bundle, names))
    await bundle.part("nodes", lambda: _nodes(clusters, bundle))
    pods = await _pods(clusters, bundle, found.namespace, f"{CLUSTER_LABEL}={name}")
    await _logs(clusters, bundle, "logs", pods, log_lines, all_containers=all_containers)
    operators = await _pods(clusters, bundle, operator_namespace, OPERATOR_LABEL)
    bundle.objects("operator/pods.yaml", [{"apiVersion": "v1", "kind": "Pod", **each} for each in operators])
    await _logs(clusters, bundle, "operator", operators, log_lines, all_containers=True)
    bundle.add("missing.txt", "\n".join([*bundle.missing, f"gathered at {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())}", ""]))
    return bundle


async def _children(clusters: Clusters, bundle: Bundle, found: Seen, kind: str, names: set[tuple[str, str]]) -> None:
    items = await clusters.api.list(kind, found.namespace, label=f"{CLUSTER_LABEL}={found.name}")
    names |= {(kind, each["metadata"]["name"]) for each in items}
    bundle.objects(f"children/{kind}.yaml", [{"kind": kind, **each} for each in items])


async def _events(clusters: Clusters, bundle: Bundle, names: set[tuple[str, str]]) -> None:
    events = await clusters.api.list("Event", clusters.namespace)
    ours = [each for each in events if (each["involvedObject"].get("kind"), each["involvedObject"].get("name")) in names]
    ours.sort(key=lambda each: each.get("lastTimestamp") or each.get("eventTime") or "")
    bundle.objects("events.yaml", ours[-EVENTS_MAX:])


async def _nodes(clusters: Clusters, bundle: Bundle) -> None:
    shown = []
    for each in await clusters.api.list("Node"):
        spec, status = each.get("spec", {}), each.get("status", {})
        shown.append(
            {
                "kind": "Node",
                "metadata": {"name": each["metadata"]["name"], "labels": each["metadata"].get("labels", {})},
                "spec": {"taints": spec.get("taints", []), "unschedulable": spec.get("unschedulable", False)},
                "status": {part: status.get(part, {}) for part in ("conditions", "allocatable", "nodeInfo")},
            }
        )
    bundle.objects("nodes.yaml", shown)


async def _pods(clusters: Clusters, bundle: Bundle, namespace: str, label: str) -> list[Object]:
    found: list[Object] = []

    async def work() -> None:
        found.extend(await clusters.api.list("Pod", namespace, label=label))

    await bundle.part(f"pods of {namespace}", work)
    return found


async def _logs(clusters: Clusters, bundle: Bundle, folder: str, pods: list[Object], lines: int, *, all_containers: bool) -> None:
    for pod in pods:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        spec, status = pod.get("spec", {}), pod.get("status", {})
        states = {each["name"]: each for each in status.get("containerStatuses", []) + status.get("initContainerStatuses", [])}
        for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
            if not all_containers and container["name"] != CONTAINER:
                continue
            for previous in (False, True):
                if previous and not states.get(container["name"], {}).get("restartCount"):
                    continue
                file = f"{folder}/{name}/{container['name']}{'.previous' if previous else ''}.log"

                async def work(container: str = container["name"], previous: bool = previous, file: str = file) -> None:
                    text = await clusters.api.logs(namespace, name, container, lines=lines, previous=previous)  # noqa: B023 (awaited at once)
                    bundle.add(file, redact.text(text[-LOG_BYTES_MAX:]))

                await bundle.part(file, work)
