"""A label on a pod of somebody else's: a member that never votes comes with it and goes with it, and the pod starts in any case."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from cryptography import x509

from tests.kubernetes.consensus_cluster import IDLE, ConsensusCluster
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import Document, KubectlFailure, eventually
from tests.kubernetes.liar import Liar, hosts
from tests.kubernetes.target import Target
from tests.kubernetes.workload import CLIENT_PORT, lone_pod

LABEL = "quorate.io/inject"
ANNOTATION = "quorate.io/injection"
APP = "web"
REMOVED_AFTER_S = 30
PROMOTIONS_S = 10.0
"""A learner that has caught up is due for promotion once in an election timeout, of half a second."""
LOCAL = f"http://127.0.0.1:{CLIENT_PORT}"


MARK = "quorate://non-voting"
REFUSED = "the certificate is for members that never vote"
TLS_CA = ("--tls-ca", "/etc/quorate-tls/ca.crt")
SPEC: dict[str, Any] = {"replicas": 3, "storage": {"retention": "Delete"}, "injection": {"removeAfterSeconds": REMOVED_AFTER_S}}
INTRUDE = """
import asyncio, json, sys
from pathlib import Path
import msgspec
from quorate_node.machine.rules import THIS_RELEASE
from quorate_node.replica.joining import JoinRequest
from quorate_node.transport.interface import Identity, PeerRefused, RequestKind
from quorate_node.transport.settings import TransportSettings
from quorate_node.transport.tls import PeerTls
from quorate_node.transport.tls_files import TlsFiles
from quorate_node.transport.websocket import WebSocketTransport

class Stranger:
    def identity(self):
        return Identity(0, 0, 0, 0, 0, *THIS_RELEASE)

async def main(url, *requests):
    folder = Path("/var/lib/quorate/tls")
    files = TlsFiles(folder / "tls.crt", folder / "tls.key", Path("/etc/quorate-tls/ca.crt"))
    transport = WebSocketTransport(TransportSettings(advertised_url="https://10.0.0.1:7302"), tls=PeerTls(files, verify_hostname=False))
    await transport.start(Stranger())
    for request in requests:
        payload = msgspec.msgpack.encode(JoinRequest(**json.loads(request)))
        try:
            await transport.request_url(url, RequestKind.JOIN, payload, 20)
            print("let in")
        except PeerRefused as refused:
            print(refused.error, refused.message)
    await transport.close()

asyncio.run(main(*sys.argv[1:]))
"""
"""Beside a member, with its certificate and key: asks a voter to be let in, as each of the requests says."""


@pytest.fixture
def cluster(target: Target, installation: Installation, namespace: str) -> ConsensusCluster:
    """Three members, settled, and a pod to ask from."""
    made = ConsensusCluster(target, namespace)
    made.apply(SPEC)
    made.wait_until_settled()
    made.start_client()
    return made


@pytest.fixture
def issued(target: Target, installation: Installation, namespace: str) -> ConsensusCluster:
    """The same with the operator as the issuer of certificates, and without that pod."""
    made = ConsensusCluster(target, namespace)
    made.apply({**SPEC, "tls": {"mode": "Operator"}})
    made.wait_until_settled()
    return made


def labelled(cluster: ConsensusCluster, **container: Any) -> Document:
    """A pod's template of the user's own, that asks for a member of the cluster."""
    pod = lone_pod(APP, cluster.target.image, IDLE)
    pod["metadata"] = {"labels": {"app": APP, LABEL: cluster.name}}
    pod["spec"]["containers"][0] |= {"name": APP, **container}
    pod["spec"].pop("restartPolicy")
    return {"metadata": pod["metadata"], "spec": pod["spec"]}


def deploy(cluster: ConsensusCluster, replicas: int) -> None:
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": APP}}, "template": labelled(cluster)}
    cluster.kubectl.apply([{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": APP}, "spec": spec}], cluster.namespace)


def users_pods(cluster: ConsensusCluster) -> list[Document]:
    return [pod for pod in cluster.kubectl.list("pods", cluster.namespace, f"app={APP}") if "deletionTimestamp" not in pod["metadata"]]


def members(cluster: ConsensusCluster) -> dict[str, str]:
    """Roles by name, as the leader lists them."""
    found = json.loads(cluster.quorate("-o", "json", "members", "list"))["members"]
    return {str(each["name"]): str(each["role"]) for each in found}


def injection(cluster: ConsensusCluster) -> Document:
    found: Document = cluster.status().get("injection", {})
    return found


def ready(pod: Document) -> bool:
    return any(each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", []))


def test_a_deployments_pods_get_members_that_never_vote_and_take_them_along(cluster: ConsensusCluster) -> None:
    cluster.put("k", "v")
    before = cluster.uids()
    deploy(cluster, 2)
    eventually("both have a member", lambda: "" if injection(cluster).get("members") == 2 else f"{injection(cluster)}", 120)
    assert (injection(cluster)["pods"], injection(cluster)["missing"]) == (2, [])
    pods = users_pods(cluster)
    eventually("both are ready", lambda: "" if all(map(ready, users_pods(cluster))) else "not yet", 30)
    names = {f"{pod['metadata']['name']}.{pod['metadata']['uid']}" for pod in pods}
    roles = members(cluster)
    assert {name for name, role in roles.items() if role == "non-voting"} == names
    assert all(pod["metadata"]["annotations"][ANNOTATION] == "injected" for pod in pods)
    # A stale read is its own copy's, and no other pod is asked.
    name = str(pods[0]["metadata"]["name"])
    stale = ("quorate", "--endpoints", LOCAL, "--consistency", "stale", "get", "k")

    def missing() -> str:
        try:
            found = cluster.kubectl.execute(cluster.namespace, name, *stale, container=APP).strip()
        except KubectlFailure as failure:
            return str(failure)
        return "" if found.endswith("v") else found

    eventually("it reads from the member beside it", missing, 30)
    with pytest.raises(KubectlFailure, match="is non-voting and is never promoted"):
        cluster.quorate("members", "promote", min(names))
    time.sleep(PROMOTIONS_S)
    assert members(cluster) == roles, "and nobody promotes it"
    assert cluster.settled() == ""
    token = "cat /var/run/secrets/kubernetes.io/serviceaccount/token"
    with pytest.raises(KubectlFailure, match="No such file"):
        cluster.kubectl.execute(cluster.namespace, name, *token.split(), container="quorate")
    cluster.kubectl("delete", "deployment", APP, "-n", cluster.namespace, "--timeout=60s", timeout_s=90)
    eventually("their members have left", lambda: "" if len(members(cluster)) == 3 else f"{members(cluster)}", 120 + REMOVED_AFTER_S)
    cluster.wait_until_settled()
    assert cluster.uids() == before and injection(cluster) == {"pods": 0, "members": 0, "missing": []}


def test_without_the_webhook_a_pod_starts_as_it_is_and_is_reported(cluster: ConsensusCluster, installation: Installation) -> None:
    taken = labelled(cluster, ports=[{"containerPort": CLIENT_PORT}])
    installation.scale(0)
    try:
        deploy(cluster, 1)
        eventually("the pod is ready without a member", lambda: "" if any(map(ready, users_pods(cluster))) else "not yet", 90)
        (pod,) = users_pods(cluster)
        assert "initContainers" not in pod["spec"] and ANNOTATION not in pod["metadata"].get("annotations", {})
    finally:
        installation.scale(2)
    name = str(pod["metadata"]["name"])

    def unreported() -> str:
        found = {each["pod"]: each["reason"] for each in injection(cluster).get("missing", [])}
        return "" if "no webhook has seen it" in found.get(name, "") else f"missing: {found}"

    eventually("the status names it", unreported, 120)
    assert cluster.settled() == "", "nothing of the cluster is wrong by that"
    told = [each for each in cluster.kubectl.list("events", cluster.namespace) if each["reason"] == "SidecarMissing"]
    assert {each["involvedObject"]["kind"] for each in told} == {"Pod", "ConsensusCluster"}
    # One that cannot have it starts too, and says why.
    alone = {"apiVersion": "v1", "kind": "Pod", **taken, "metadata": {**taken["metadata"], "name": "taken"}}
    cluster.kubectl.apply([alone], cluster.namespace)
    other = cluster.kubectl.get("pod", "taken", cluster.namespace)
    assert f"port {CLIENT_PORT}" in other["metadata"]["annotations"][ANNOTATION] and "initContainers" not in other["spec"]
    # The next pod gets its member.
    cluster.kubectl("delete", "pod", name, "-n", cluster.namespace, "--timeout=60s", timeout_s=90)
    eventually("the next one has its member", lambda: "" if injection(cluster).get("members") == 1 else f"{injection(cluster)}", 120)
    assert [each["pod"] for each in injection(cluster)["missing"]] == ["taken"]


def secure(cluster: ConsensusCluster, pod: str, *arguments: str, host: str = "localhost") -> str:
    """The client's program in the member's container of `pod`."""
    command = ("quorate", "--endpoints", f"https://{host}:{CLIENT_PORT}", *TLS_CA, "--timeout", "10s", *arguments)
    return cluster.kubectl.execute(cluster.namespace, pod, *command, container="quorate").strip()


def members_of(cluster: ConsensusCluster, pod: str) -> dict[str, Document]:
    """By name, as the leader lists them, asked through a voter."""
    text = secure(cluster, pod, "-o", "json", "members", "list", host=f"{cluster.name}.{cluster.namespace}.svc")
    return {str(each["name"]): each for each in json.loads(text)["members"]}


def refusals(cluster: ConsensusCluster, pod: str) -> int:
    """Requests that the voters have refused to holders of certificates of this kind."""
    total = 0
    for voter in cluster.uids():
        url = f"https://{voter}.{cluster.name}-members.{cluster.namespace}.svc:{CLIENT_PORT}/metrics"
        text = cluster.kubectl.execute(cluster.namespace, pod, "python3", "-c", READ, url, TLS_CA[1], container="quorate")
        total += sum(int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(COUNTED))
    return total


READ = """
import ssl, sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], context=ssl.create_default_context(cafile=sys.argv[2]), timeout=20).read().decode())
"""
COUNTED = 'quorate_peer_non_voting_refused_total{what="request"}'


def test_with_certificates_it_never_votes_whatever_it_asks_for(issued: ConsensusCluster, liar: Liar) -> None:
    before = issued.uids()
    first = f"{issued.name}-0"
    secure(issued, first, "put", "k", "v", host=f"{issued.name}.{issued.namespace}.svc")
    deploy(issued, 1)
    eventually("it has its member", lambda: "" if injection(issued).get("members") == 1 else f"{injection(issued)}", 120)
    (pod,) = users_pods(issued)
    name, uid = str(pod["metadata"]["name"]), str(pod["metadata"]["uid"])
    eventually("it is ready", lambda: "" if all(map(ready, users_pods(issued))) else "not yet", 60)

    def missing() -> str:
        try:
            found = secure(issued, name, "--consistency", "stale", "get", "k")
        except KubectlFailure as failure:
            return str(failure)
        return "" if found.endswith("v") else found

    eventually("a read from the member beside it, over TLS, by the name localhost", missing, 60)
    secure(issued, name, "put", "k", "w")
    listed = members_of(issued, first)
    own = listed[f"{name}.{uid}"]
    assert own["role"] == "non-voting" and len(listed) == 4
    status = issued.status()
    certificate = x509.load_pem_x509_certificate(
        issued.kubectl.execute(issued.namespace, name, "cat", "/var/lib/quorate/tls/tls.crt", container="quorate").encode()
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    bound = f"{MARK}/{status['clusterId']}/{own['member_id']}"
    assert (names.get_values_for_type(x509.DNSName), names.get_values_for_type(x509.UniformResourceIdentifier)) == (["localhost"], [bound])
    # With that certificate and its key: a voter's place, a witness', that of a member that is there, and none of them.
    victim = listed[first]
    asked: list[Document] = [
        {"name": "intruder", "peer_url": "https://10.9.9.9:7302", "witness": False, "non_voting": False},
        {"name": "intruder", "peer_url": "https://10.9.9.9:7302", "witness": True, "non_voting": True},
        {"name": first, "peer_url": victim["peer_url"], "witness": False, "non_voting": True},
    ]
    requests = [json.dumps({"client_url": "", "priority": 0, **each}) for each in asked]
    url = f"https://{first}.{issued.name}-members.{issued.namespace}.svc:7302"
    ask = ("python3", "-c", INTRUDE, url, *requests)
    told = issued.kubectl.execute(issued.namespace, name, *ask, container="quorate").strip().splitlines()
    assert [line.split()[0] for line in told] == ["PermissionDenied"] * 3 and all(line.endswith(REFUSED) for line in told), told
    assert refusals(issued, name) == 3
    # And no other certificate is signed for it, by whatever it asks with the token of its pod.
    kubectl = liar.kubectl(issued.namespace, "default", pod)
    voter = f"{status['clusterId']}/{victim['member_id']}"
    lies = {
        "first": liar.outcome(kubectl, ["localhost"], uid, (MARK,)),
        "unmarked": liar.outcome(kubectl, ["localhost"], uid),
        "voter": liar.outcome(kubectl, ["localhost"], uid, (f"quorate://{voter}",)),
        "marked voter": liar.outcome(kubectl, ["localhost"], uid, (f"{MARK}/{voter}",)),
        "voter's pod": liar.outcome(kubectl, hosts(issued, first), first),
        "Service": liar.outcome(kubectl, ["localhost", f"{issued.name}.{issued.namespace}.svc"], uid, (MARK,)),
    }
    assert lies.pop("first") == ("Issued", "")
    assert {lie: reason for lie, (_, reason) in lies.items()} == {
        "unmarked": "Names", "voter": "Names", "marked voter": "ForeignMember", "voter's pod": "Subject", "Service": "Names",
    }  # fmt: skip
    assert {each: member["role"] for each, member in members_of(issued, first).items()} == {
        each: member["role"] for each, member in listed.items()
    } and issued.uids() == before
    issued.kubectl("delete", "deployment", APP, "-n", issued.namespace, "--timeout=60s", timeout_s=90)
    eventually("its member has left", lambda: "" if len(members_of(issued, first)) == 3 else "not yet", 120 + REMOVED_AFTER_S)
