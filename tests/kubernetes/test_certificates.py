"""The operator as the issuer: members with certificates of their own, requests that lie, another CA without a restart."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from tests.kubernetes.consensus_cluster import CLIENT, KIND, ConsensusCluster
from tests.kubernetes.installation import Installation
from tests.kubernetes.kubectl import Document, eventually
from tests.kubernetes.liar import CSR, LIARS, USAGES, Liar, hosts, request

SPEC: dict[str, Any] = {"replicas": 3, "tls": {"mode": "Operator"}, "storage": {"size": "1Gi"}}
ASK = """
import json, ssl, sys, urllib.request, urllib.error
url, method, authority, *pair = sys.argv[1:]
context = ssl.create_default_context(cadata=authority)
if pair:
    context.load_cert_chain(*pair)
request = urllib.request.Request(url, method=method, data=b"" if method == "POST" else None)
try:
    print(urllib.request.urlopen(request, context=context, timeout=20).read().decode())
except urllib.error.HTTPError as refused:
    print(refused.read().decode())
"""
"""From inside a pod: one request, the answer's body or the refusal's."""


@pytest.fixture
def issued(cluster: ConsensusCluster) -> ConsensusCluster:
    """Three members with the operator as their issuer, settled."""
    cluster.apply(SPEC)
    cluster.wait_until_settled()
    return cluster


@pytest.fixture
def lone(cluster: ConsensusCluster) -> ConsensusCluster:
    """One member, where the others would only take time."""
    cluster.apply({**SPEC, "replicas": 1})
    cluster.wait_until_settled()
    return cluster


def bundle(cluster: ConsensusCluster) -> list[x509.Certificate]:
    text = cluster.kubectl.get("configmap", f"{cluster.name}-ca", cluster.namespace)["data"]["ca.crt"]
    return x509.load_pem_x509_certificates(text.encode())


def certificate_of(cluster: ConsensusCluster, pod: str) -> x509.Certificate:
    text = cluster.kubectl.execute(cluster.namespace, pod, "cat", "/var/lib/quorate/tls/tls.crt", container="quorate")
    return x509.load_pem_x509_certificate(text.encode())


def names_of(certificate: x509.Certificate) -> tuple[list[str], list[str]]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return sorted(names.get_values_for_type(x509.DNSName)), names.get_values_for_type(x509.UniformResourceIdentifier)


def ask(cluster: ConsensusCluster, path: str, method: str = "GET", *pair: str, pod: str = CLIENT, host: str = "") -> Document:
    """From `pod`, over TLS, by the cluster's bundle. `pair`: files of a certificate and its key there."""
    authority = cluster.kubectl.get("configmap", f"{cluster.name}-ca", cluster.namespace)["data"]["ca.crt"]
    url = f"https://{host or cluster.name}.{cluster.namespace}.svc:7301{path}"
    container = "" if pod == CLIENT else "quorate"
    text = cluster.kubectl.execute(cluster.namespace, pod, "python3", "-c", ASK, url, method, authority, *pair, container=container)
    answer: Document = json.loads(text)
    return answer


def restarts(cluster: ConsensusCluster) -> dict[str, tuple[str, int]]:
    """uid and restarts of every pod."""
    return {
        pod["metadata"]["name"]: (pod["metadata"]["uid"], sum(each["restartCount"] for each in pod["status"]["containerStatuses"]))
        for pod in cluster.pods()
    }


def test_every_member_has_a_certificate_of_its_own(issued: ConsensusCluster) -> None:
    (authority,) = bundle(issued)
    status = issued.status()
    for member in status["members"]:
        pod = member["pod"]
        found = certificate_of(issued, pod)
        found.verify_directly_issued_by(authority)
        dns_names, uris = names_of(found)
        assert uris == [f"quorate://{status['clusterId']}/{member['memberId']}"]
        assert f"{pod}.{issued.name}-members.{issued.namespace}.svc" in dns_names and f"{issued.name}.{issued.namespace}.svc" in dns_names
        assert not [name for name in dns_names for other in issued.uids() if other != pod and name.startswith(f"{other}.")]
        assert member["certificateExpiresAt"] == found.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert dt.timedelta(days=89) < found.not_valid_after_utc - dt.datetime.now(dt.UTC) < dt.timedelta(days=91)


def test_no_members_key_is_anywhere_but_on_its_volume(issued: ConsensusCluster) -> None:
    assert issued.kubectl.list("secrets", issued.namespace) == []
    for pod in issued.uids():
        mode = issued.kubectl.execute(issued.namespace, pod, "stat", "-c", "%a", "/var/lib/quorate/tls/tls.key", container="quorate")
        assert mode.strip() == "600"


def test_clients_need_the_bundle_alone_and_the_cluster_obeys_the_operator_alone(issued: ConsensusCluster) -> None:
    issued.start_client()
    assert ask(issued, "/v1/status")["certificate"]["expires_at"]
    assert ask(issued, "/v1/leader/step-down", "POST")["error"] == "Unauthenticated"
    leader = issued.leader()
    own = ("/var/lib/quorate/tls/tls.crt", "/var/lib/quorate/tls/tls.key")
    host = f"{leader}.{issued.name}-members"
    members = ask(issued, "/v1/members", pod=leader, host=host)["members"]
    other = next(member["member_id"] for member in members if member["name"] != leader)
    assert ask(issued, f"/v1/members/{other}/promote", "POST", *own, pod=leader, host=host)["error"] == "PermissionDenied"
    # For itself a member may: and another may not for it.
    follower = next(pod for pod in issued.uids() if pod != leader)
    assert ask(issued, "/v1/leader/step-down", "POST", *own, pod=follower, host=host)["error"] == "PermissionDenied"
    assert "error" not in ask(issued, "/v1/leader/step-down", "POST", *own, pod=leader, host=host)


def test_a_pod_that_moves_rejoins_with_its_volumes_certificate_while_the_operator_is_gone(
    issued: ConsensusCluster, installation: Installation
) -> None:
    pod = next(name for name in issued.uids() if name != issued.leader())
    before, uid = certificate_of(issued, pod).serial_number, issued.uids()[pod]
    installation.scale(0)
    try:
        issued.kubectl("delete", "pod", pod, "-n", issued.namespace, "--wait=false")

        def missing() -> str:
            if issued.uids().get(pod, uid) == uid:
                return "the next pod is not there"
            ready = next(each for each in issued.pods() if each["metadata"]["name"] == pod)["status"].get("conditions", [])
            return "" if any(each["type"] == "Ready" and each["status"] == "True" for each in ready) else "it is not ready"

        eventually(f"{pod} is a caught-up voter again", missing, 90)
        assert certificate_of(issued, pod).serial_number == before
    finally:
        installation.scale(2)


def test_another_ca_comes_in_three_steps_and_nothing_restarts(issued: ConsensusCluster) -> None:
    (old,), before = bundle(issued), restarts(issued)
    issued.patch({"tls": {"mode": "Operator", "rotateAuthorityAt": "2026-11-22T00:00:00Z"}})
    eventually("both are trusted", lambda: "" if len(bundle(issued)) == 2 else "one is", 60)
    assert bundle(issued)[0] == old, "the new one signs before all trust it"

    def missing() -> str:
        found = bundle(issued)
        return "" if len(found) == 1 and found[0] != old else f"{len(found)} are trusted; plan {issued.status().get('plan')}"

    # The kubelets bring a changed ConfigMap to the pods within a minute and a half, twice.
    eventually("the old one is gone", missing, 420)
    issued.wait_until_settled(240)
    (new,) = bundle(issued)
    for pod in issued.uids():
        certificate_of(issued, pod).verify_directly_issued_by(new)
    assert restarts(issued) == before
    issued.start_client()
    assert ask(issued, "/v1/status")["certificate"]["trusted"] == [new.fingerprint(SHA256()).hex()]


def test_the_ca_goes_with_its_cluster(cluster: ConsensusCluster, installation: Installation) -> None:
    cluster.apply({**SPEC, "replicas": 1})
    cluster.wait_until_settled()
    secret = f"quorate-ca-{cluster.resource()['metadata']['uid']}"
    assert cluster.kubectl.get("secret", secret, installation.namespace)["type"] == "Opaque"
    cluster.delete()

    def there() -> str:
        names = [item["metadata"]["name"] for item in cluster.kubectl.list("secrets", installation.namespace)]
        return "the Secret is still there" if secret in names else ""

    eventually("the CA's key is gone", there, 90)


def test_a_request_that_lies_is_denied(issued: ConsensusCluster, liar: Liar) -> None:
    """One cluster for all of them: each is refused for its own reason, and the honest one among them is not."""
    one, two = issued.pods()[:2]
    name, other = one["metadata"]["name"], two["metadata"]["name"]
    status = issued.status()
    ids = {member["pod"]: f"quorate://{status['clusterId']}/{member['memberId']}" for member in status["members"]}
    pod = liar.kubectl(issued.namespace, issued.name, one)
    own = hosts(issued, name)
    assert liar.outcome(pod, own, name, (ids[name],)) == ("Issued", "")
    lies: dict[str, Callable[[], tuple[str, str]]] = {
        "Subject": lambda: liar.outcome(pod, hosts(issued, other), other),
        "Names": lambda: liar.outcome(pod, [*own, "kubernetes.default.svc"], name),
        "ForeignMember": lambda: liar.outcome(pod, own, name, (ids[other],)),
        "Usages": lambda: liar.outcome(pod, own, name, usages=[*USAGES, "cert sign"]),
        "Expiration": lambda: liar.outcome(pod, own, name, expirationSeconds=10 * 365 * 86_400),
    }
    assert {reason: lie() for reason, lie in lies.items()} == {reason: ("Denied", reason) for reason in lies}
    denied = [event for event in issued.events() if event["reason"] == "CertificateDenied"]
    assert denied and all(event["type"] == "Warning" for event in denied)


def test_another_clusters_account_gets_nothing(lone: ConsensusCluster, liar: Liar) -> None:
    neighbour = ConsensusCluster(lone.target, lone.namespace, "neighbour")
    neighbour.apply({**SPEC, "replicas": 1})
    neighbour.wait_until_settled()
    (pod,) = neighbour.pods()
    victim = lone.pods()[0]["metadata"]["name"]
    kubectl = liar.kubectl(lone.namespace, neighbour.name, pod)
    assert liar.outcome(kubectl, hosts(lone, victim), victim) == ("Denied", "Subject")
    lone.kubectl("delete", KIND, neighbour.name, "-n", lone.namespace)


def test_clusters_that_share_an_account_of_their_users_get_their_own_certificates_and_not_each_others(
    cluster: ConsensusCluster, liar: Liar
) -> None:
    cluster.kubectl("create", "serviceaccount", "shared", "-n", cluster.namespace)
    neighbour = ConsensusCluster(cluster.target, cluster.namespace, "neighbour")
    for each in (cluster, neighbour):
        each.apply({**SPEC, "replicas": 1, "podTemplate": {"spec": {"serviceAccountName": "shared"}}})
    for each in (cluster, neighbour):
        each.wait_until_settled()
        (pod,) = each.pods()
        name = pod["metadata"]["name"]
        assert pod["spec"]["serviceAccountName"] == "shared"
        certificate_of(each, name).verify_directly_issued_by(*bundle(each))
        assert names_of(certificate_of(each, name))[0] == sorted(hosts(each, name))
    (pod,), victim = neighbour.pods(), cluster.pods()[0]["metadata"]["name"]
    kubectl = liar.kubectl(cluster.namespace, "shared", pod)
    assert liar.outcome(kubectl, hosts(cluster, victim), victim) == ("Denied", "Subject")
    cluster.kubectl("delete", KIND, neighbour.name, "-n", cluster.namespace)


def test_a_flood_of_requests_that_lie_is_denied_and_told_now_and_then(lone: ConsensusCluster, liar: Liar) -> None:
    (pod,) = lone.pods()
    kubectl = liar.kubectl(lone.namespace, lone.name, pod)
    lies = [request(["kubernetes.default.svc"], pod["metadata"]["name"]) for _ in range(40)]
    for lie in lies:
        kubectl("create", "-f", "-", text=json.dumps(lie))

    def missing() -> str:
        asked = [item for item in lone.kubectl.list(CSR) if item["metadata"]["name"].startswith(LIARS)]
        denied = [item for item in asked if any(each["type"] == "Denied" for each in item.get("status", {}).get("conditions", []))]
        return "" if len(denied) == len(lies) else f"{len(denied)} of {len(asked)} are denied"

    eventually("all of them are denied", missing, 60)
    told = [event["message"] for event in lone.events() if event["reason"] == "CertificateDenied"]
    assert 10 <= len(told) <= 12, told
    lone.wait_until_settled()


HELD = "quorate.io/held-by-a-test"


@pytest.mark.parametrize("ending", ["7", "x"])
def test_a_pod_that_only_looks_like_a_member_gets_nothing(ending: str, lone: ConsensusCluster, liar: Liar) -> None:
    """With the cluster's ServiceAccount and the members' labels. One that is called like the eighth is even adopted by the StatefulSet."""
    name = f"{lone.name}-{ending}"
    labels = {"app.kubernetes.io/name": "quorate", "quorate.io/cluster": lone.name}
    container = lone.pods()[0]["spec"]["containers"][0]
    kept = {field: container[field] for field in ("name", "image", "securityContext")}
    spec = {
        "serviceAccountName": lone.name,
        "automountServiceAccountToken": False,
        "securityContext": lone.pods()[0]["spec"]["securityContext"],
        "terminationGracePeriodSeconds": 1,
        "containers": [{**kept, "command": shlex.split("sleep 600"), "imagePullPolicy": "IfNotPresent"}],
    }
    # The StatefulSet's controller deletes the eighth as soon as it has adopted it: so it stays until it has asked.
    metadata = {"name": name, "labels": labels, "finalizers": [HELD]}
    lone.kubectl.apply([{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}], lone.namespace)
    try:
        lookalike = lone.kubectl.get("pod", name, lone.namespace)
        kubectl = liar.kubectl(lone.namespace, lone.name, lookalike)
        assert liar.outcome(kubectl, hosts(lone, name), name) == ("Denied", "ForeignPod")
    finally:
        lone.kubectl("patch", "pod", name, "-n", lone.namespace, "--type=merge", "-p", json.dumps({"metadata": {"finalizers": []}}))
        lone.kubectl("delete", "pod", name, "-n", lone.namespace, "--wait=false", "--ignore-not-found")


def test_an_account_of_no_cluster_is_denied_with_the_next_tick(lone: ConsensusCluster, liar: Liar) -> None:
    lone.start_client()
    client = lone.kubectl.get("pod", CLIENT, lone.namespace)
    victim = lone.pods()[0]["metadata"]["name"]
    kubectl = liar.kubectl(lone.namespace, "default", client)
    assert liar.outcome(kubectl, hosts(lone, victim), victim) == ("Denied", "ForeignAccount")


def test_one_that_was_approved_by_hand_is_not_signed_all_the_same(lone: ConsensusCluster, liar: Liar, installation: Installation) -> None:
    pod = liar.kubectl(lone.namespace, lone.name, lone.pods()[0])
    installation.scale(0)
    try:
        made = json.loads(pod("create", "-o", "json", "-f", "-", text=json.dumps(request(["kubernetes.default.svc"], "admin"))))
        name = made["metadata"]["name"]
        lone.kubectl("certificate", "approve", name)
    finally:
        installation.scale(2)

    def missing() -> str:
        status = lone.kubectl.get(CSR, name)["status"]
        assert "certificate" not in status
        return "" if any(each["type"] == "Failed" for each in status["conditions"]) else f"{status}"

    eventually(f"{name} fails", missing, 60)
