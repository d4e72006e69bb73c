"""A support bundle holds what there is, says what is missing, and no secret."""

from __future__ import annotations

import io
import json
import tarfile

from quorate_operator.plugin.bundle import Bundle, gather
from tests.unit.cluster_operator.plugin.server import NAMESPACE, Server, cluster
from tests.unit.cluster_operator.plugin.test_redact import POD, SECRET

LABELS = {"quorate.io/cluster": "orders"}


def full_server() -> Server:
    pod = json.loads(json.dumps(POD))
    pod["metadata"] |= {"namespace": NAMESPACE, "labels": LABELS}
    pod["status"] = {"initContainerStatuses": [{"name": "quorate", "restartCount": 1}]}
    operator = {
        "kind": "Pod",
        "metadata": {"name": "quorate-operator-x", "namespace": "quorate-system", "labels": {"app.kubernetes.io/name": "quorate-operator"}},
        "spec": {"containers": [{"name": "operator", "env": [{"name": "QUORATE_OPERATOR_TICK_S", "value": "30"}]}]},
    }
    event = {
        "kind": "Event",
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "orders-0"},
        "message": f"pulled https://u:{SECRET}@x",
        "lastTimestamp": "2026-01-01T00:00:00Z",
    }
    strange = {**event, "metadata": {"name": "f"}, "involvedObject": {"kind": "Pod", "name": "another"}, "message": "of another"}
    secret = {"kind": "Secret", "metadata": {"name": "orders-tls", "labels": LABELS}, "data": {"tls.key": SECRET}}
    node = {"kind": "Node", "metadata": {"name": "node-1", "labels": {"zone": "a"}}, "spec": {"providerID": SECRET}, "status": {}}
    server = Server(cluster(spec={"sidecar": {"template": POD}}), pod, operator, event, strange, secret, node)
    server.logs_of = {
        ("orders-0", "quorate"): f"started\nBearer {SECRET}\n",
        ("orders-0", "app"): f"my own {SECRET}",
        ("quorate-operator-x", "operator"): "works",
    }
    return server


async def test_it_holds_the_resource_its_objects_events_and_logs() -> None:
    bundle = await gather(full_server().clusters(), "orders", "quorate-system", 100, all_containers=False)
    assert set(bundle.files) == {
        "README.txt", "missing.txt", "resource.yaml", "children/Pod.yaml", "events.yaml", "nodes.yaml", "logs/orders-0/quorate.log",
        "logs/orders-0/quorate.previous.log", "operator/pods.yaml", "operator/quorate-operator-x/operator.log",
    }  # fmt: skip
    assert b"of another" not in bundle.files["events.yaml"]


async def test_no_secret_is_in_any_of_its_files() -> None:
    bundle = await gather(full_server().clusters(), "orders", "quorate-system", 100, all_containers=False)
    assert {name for name, content in bundle.files.items() if SECRET.encode() in content} == set()


async def test_what_may_not_be_read_leaves_a_line_and_takes_nothing_else_along() -> None:
    server = full_server()
    server.forbidden |= {"Node", "Event"}
    server.missing.add("PodMonitor")
    bundle = await gather(server.clusters(), "orders", "quorate-system", 100, all_containers=False)
    assert [line.split(":")[0] for line in bundle.missing] == ["PodMonitor", "events", "nodes"]
    assert all("\n" not in line for line in bundle.missing)
    assert "resource.yaml" in bundle.files and "nodes.yaml" not in bundle.files
    assert b"you may not list Node" in bundle.files["missing.txt"]


def test_the_archive_is_one_folder_that_only_its_owner_can_read() -> None:
    bundle = Bundle()
    bundle.add("README.txt", "x")
    with tarfile.open(fileobj=io.BytesIO(bundle.archive("quorate-orders", 1_700_000_000.0))) as tar:
        (entry,) = tar.getmembers()
    assert entry.name == "quorate-orders/README.txt" and entry.mode == 0o600
