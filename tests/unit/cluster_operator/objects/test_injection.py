"""The sidecar that somebody else's pod gets: what is added, what is left alone, and which pods cannot have it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quorate_node.config.load import load
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.injection import (
    INJECTED_VOLUME,
    INJECTION_ANNOTATION,
    has_sidecar,
    injection,
    pod_uid_of,
    refusal,
    refused_because,
    sidecar,
)
from quorate_operator.objects.node_settings import node_settings
from tests.unit.cluster_operator.resources import identity_of, spec_of

IDENTITY = identity_of()
UID = "0f0e3c0a-1111-4222-8333-123456789012"
ISSUED = {"tls": {"mode": "Operator"}}
APP = {"name": "app", "image": "app:1", "ports": [{"containerPort": 8080}]}


def pod(metadata: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": metadata or {}, "spec": {"containers": [copy.deepcopy(APP)], **spec}}


def patched(given: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    """JSON Patch (RFC 6902), as far as `add` goes."""
    found = copy.deepcopy(given)
    for each in patch:
        assert each["op"] == "add"
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:])
        place: Any = found
        for part in way:
            place = place[part]
        if isinstance(place, list):
            place.insert(len(place) if last == "-" else int(last), each["value"])
        else:
            place[last] = each["value"]
    return found


@pytest.mark.parametrize(
    "given",
    [
        pod(),
        pod({"annotations": {"a": "b"}}, initContainers=[{"name": "migrate"}], volumes=[{"name": "cache", "emptyDir": {}}]),
        pod(initContainers=[], volumes=[]),
    ],
)
def test_the_sidecar_comes_first_and_nothing_of_the_pod_is_changed(given: dict[str, Any]) -> None:
    found = patched(given, injection(given, spec_of(), IDENTITY))
    first, *others = found["spec"]["initContainers"]
    assert first["name"] == "quorate" and first["restartPolicy"] == "Always" and has_sidecar(found)
    assert others == given["spec"].get("initContainers", []) and found["spec"]["containers"] == given["spec"]["containers"]
    assert [volume["name"] for volume in found["spec"]["volumes"]] == [
        *(volume["name"] for volume in given["spec"].get("volumes", [])), INJECTED_VOLUME, "quorate-tmp",
    ]  # fmt: skip
    assert found["metadata"]["annotations"] == {**given["metadata"].get("annotations", {}), INJECTION_ANNOTATION: "injected"}


def test_a_second_time_nothing_is_added() -> None:
    once = patched(pod(), injection(pod(), spec_of(), IDENTITY))
    assert injection(once, spec_of(), IDENTITY) == []


def test_the_pods_own_volume_is_used_as_it_is() -> None:
    mine = {"name": INJECTED_VOLUME, "emptyDir": {"medium": "Memory"}}
    found = patched(pod(volumes=[mine]), injection(pod(volumes=[mine]), spec_of(), IDENTITY))
    assert [volume for volume in found["spec"]["volumes"] if volume["name"] == INJECTED_VOLUME] == [mine]


def test_the_user_container_neither_waits_for_a_cluster_nor_leaves_its_services_because_of_one() -> None:
    assert not {"startupProbe", "readinessProbe", "lifecycle"} & sidecar(spec_of(), IDENTITY).keys()


def test_it_is_as_restricted_asks_and_gets_no_token() -> None:
    found = sidecar(spec_of(), IDENTITY)
    context = found["securityContext"]
    assert context["runAsNonRoot"] and context["readOnlyRootFilesystem"] and context["capabilities"] == {"drop": ["ALL"]}
    token = next(mount for mount in found["volumeMounts"] if mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount")
    assert token["name"] == "quorate-tmp" and token["readOnly"], "else Kubernetes would mount the user's own there"


def test_it_has_the_resources_that_the_cluster_says() -> None:
    spec = spec_of(injection={"resources": {"limits": {"memory": "512Mi"}}}, resources={"limits": {"memory": "4Gi"}})
    assert sidecar(spec, IDENTITY)["resources"] == {"limits": {"memory": "512Mi"}}


def environment_in(spec: ConsensusClusterSpec, address: str) -> dict[str, str]:
    """What the container is given, with the kubelet's part in it."""
    values = {"POD_NAME": "web-7d9f-x2", "POD_UID": UID, "POD_IP": address}
    environment = dict(values)
    for each in sidecar(spec, IDENTITY)["env"]:
        text = each.get("value", "")
        for name, value in values.items():
            text = text.replace(f"$({name})", value)
        environment.setdefault(each["name"], text)
    return environment


def test_with_certificates_it_asks_for_one_that_never_votes_and_lets_nobody_in_without_its_own() -> None:
    config = load([], environment_in(spec_of(**ISSUED), "10.0.0.9")).config
    assert config.member.non_voting and config.identity.source == "kubernetes" and config.transport.member_binding_required
    assert (config.identity.common_name, config.identity.host_names) == (UID, ("localhost",))
    assert config.identity.request_labels == ("quorate.io/cluster=orders",)
    assert (config.peer_url, config.client_url) == ("https://10.0.0.9:7302", "https://10.0.0.9:7301")
    assert str(config.tls.peer_ca_file) == "/etc/quorate-tls/ca.crt" and str(config.tls.key_file) == "/var/lib/quorate/tls/tls.key"
    assert config.tls.administrators == ("quorate://operator",)


@pytest.mark.parametrize("address", ["10.0.0.9", "fd00::9"])
@pytest.mark.parametrize(
    "fields", [{}, {"services": {"leader": {"enabled": True}}}, {"limits": {"watchesMax": 7}, "timing": {"heartbeatMs": 60}}]
)
def test_the_node_takes_its_environment_and_is_as_its_cluster_but_never_votes(fields: dict[str, Any], address: str) -> None:
    spec = spec_of(**fields)
    config = load([], environment_in(spec, address)).config
    host = f"[{address}]" if ":" in address else address
    assert config.replica.non_voting and config.member.name == f"web-7d9f-x2.{UID}"
    assert (config.peer_url, config.client_url) == (f"http://{host}:7302", f"http://{host}:7301")
    assert (config.discovery.kind, config.discovery.dns_name) == ("dns", "orders-members.shop.svc")
    assert not config.kubernetes.leader_slice and not config.listen.hand_over_socket
    assert str(config.member.data_dir) == f"/var/lib/quorate/{address}"
    theirs = node_settings(spec, IDENTITY)
    assert config.replica.heartbeat_ms == theirs["replica"]["heartbeat_ms"]
    assert config.machine.watches_max == theirs.get("machine", {}).get("watches_max", config.machine.watches_max)


@pytest.mark.parametrize(
    ("given", "fields", "said"),
    [
        (pod(), {"injection": {"enabled": False}}, "spec.injection.enabled of ConsensusCluster orders is false"),
        (pod(), {"tls": {"mode": "Secret", "secretName": "s"}}, "spec.tls.mode of ConsensusCluster orders is Secret"),
        (pod(), {"tls": {"mode": "CertManager", "issuer": {"name": "i"}}}, "with which this pod could vote"),
        (pod(volumes=[{"name": "quorate-tls"}]), {"tls": {"mode": "Operator"}}, "a volume 'quorate-tls' of its own"),
        (pod(volumes=[{"name": "quorate-api-access"}]), {"tls": {"mode": "Operator"}}, "a volume 'quorate-api-access' of its own"),
        (pod({"labels": {"quorate.io/cluster": "orders"}}), {}, "it is a cluster's own pod"),
        (pod({"name": "a" * 217}), {}, "more than 216 characters"),
        (pod(hostNetwork=True), {}, "set hostNetwork to false"),
        (pod(containers=[{"name": "quorate"}]), {}, "a container 'quorate' of its own"),
        (pod(containers=[{"name": "app", "ports": [{"containerPort": 7302}]}]), {}, "use port 7302"),
        (pod(volumes=[{"name": "quorate-tmp", "emptyDir": {}}]), {}, "a volume 'quorate-tmp' of its own"),
        (pod(volumes=[{"name": INJECTED_VOLUME, "persistentVolumeClaim": {"claimName": "c"}}]), {}, "outlives the pod"),
    ],
)
def test_what_cannot_have_it_is_told_why(given: dict[str, Any], fields: dict[str, Any], said: str) -> None:
    assert said in refusal(given, spec_of(**fields), IDENTITY)


def test_all_others_can() -> None:
    ephemeral = {"name": INJECTED_VOLUME, "ephemeral": {"volumeClaimTemplate": {}}}
    for given in (pod(), pod({"name": "a" * 216}), pod(volumes=[ephemeral]), pod(volumes=[{"name": "quorate-tls"}]), {"spec": {}}):
        assert refusal(given, spec_of(), IDENTITY) == ""
    assert refusal(pod(), spec_of(**ISSUED), IDENTITY) == ""


def test_with_certificates_it_gets_a_token_for_itself_alone_and_whom_to_trust() -> None:
    found = patched(pod(), injection(pod(), spec_of(**ISSUED), IDENTITY))
    volumes = {volume["name"]: volume for volume in found["spec"]["volumes"]}
    assert volumes["quorate-tls"]["configMap"] == {"name": "orders-ca", "defaultMode": 0o444, "optional": True}
    assert [next(iter(source)) for source in volumes["quorate-api-access"]["projected"]["sources"]] == [
        "serviceAccountToken", "configMap", "downwardAPI",
    ]  # fmt: skip
    first = found["spec"]["initContainers"][0]
    mounted = {mount["mountPath"]: (mount["name"], mount.get("readOnly")) for mount in first["volumeMounts"]}
    assert mounted["/var/run/secrets/kubernetes.io/serviceaccount"] == ("quorate-api-access", True)
    assert mounted["/etc/quorate-tls"] == ("quorate-tls", True)
    assert "volumeMounts" not in found["spec"]["containers"][0]
    assert first["livenessProbe"]["httpGet"]["scheme"] == "HTTPS"


def test_a_sidecar_is_seen_by_what_it_is() -> None:
    claims = pod({"annotations": {INJECTION_ANNOTATION: "injected"}})
    assert not has_sidecar(claims) and refused_because(claims) == ""
    assert not has_sidecar(pod(initContainers=[{"name": "quorate", "restartPolicy": "Always"}])), "the cluster's own, which votes"
    assert refused_because(pod({"annotations": {INJECTION_ANNOTATION: "refused: no room"}})) == "no room"


@pytest.mark.parametrize(("name", "uid"), [(f"web.{UID}", UID), (f"a.b.{UID}", UID), (UID, ""), ("orders-0", ""), ("web.", ""), ("", "")])
def test_a_members_name_tells_its_pod(name: str, uid: str) -> None:
    assert pod_uid_of(name) == uid
