"""Every child as a specification: what is in it, for any valid resource."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.access import leader_role, leader_role_binding, role_binding
from quorate_operator.objects.certificate import certificate
from quorate_operator.objects.children import key, unwanted_children, wanted_children
from quorate_operator.objects.claims import claim, gpu_claim_template
from quorate_operator.objects.compare import differences
from quorate_operator.objects.container import TOKEN_VOLUME
from quorate_operator.objects.disruption import disruption_budget
from quorate_operator.objects.identity import Identity
from quorate_operator.objects.network_policy import network_policy
from quorate_operator.objects.node_settings import HAND_OVER_SOCKET, settings_map, toml
from quorate_operator.objects.records import cluster_record, founding_record
from quorate_operator.objects.services import client_service, leader_service, leader_slice, members_service
from quorate_operator.objects.statefulset import UnknownTemplateVersion, stateful_set
from tests.unit.cluster_operator.resources import identities, identity_of, spec_of, specs

LABEL = re.compile(r"^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$")
SERVICE_NAME = re.compile(r"^[a-z]([-a-z0-9]*[a-z0-9])?$")
IDENTITY = identity_of()


def everything(spec: ConsensusClusterSpec, identity: Identity) -> list[dict[str, Any]]:
    records = [founding_record(identity, identity.pod(0), "u"), cluster_record(identity, "7")]
    return [*wanted_children(spec, identity), stateful_set(spec, identity, replicas=spec.replicas), *records]


@given(specs, identities)
def test_names_and_labels_are_such_as_kubernetes_takes(spec: ConsensusClusterSpec, identity: Identity) -> None:
    for item in everything(spec, identity):
        metadata = item["metadata"]
        assert len(metadata["name"]) <= 63 and SERVICE_NAME.match(metadata["name"]), metadata["name"]
        for labels in (metadata["labels"], item.get("spec", {}).get("template", {}).get("metadata", {}).get("labels", {})):
            assert all(len(value) <= 63 and LABEL.match(value) for value in labels.values())
    assert len(identity.pod(999)) <= 63
    assert len(identity.claim(999)) <= 63


@given(specs, identities)
def test_all_belong_to_the_resource_and_are_found_by_its_labels(spec: ConsensusClusterSpec, identity: Identity) -> None:
    """The user's own labels never win over ours, or a child would be lost from sight."""
    for item in everything(spec, identity):
        assert item["metadata"]["ownerReferences"] == [identity.owner()]
        assert identity.labels.items() <= item["metadata"]["labels"].items()
        assert item["metadata"]["namespace"] == identity.namespace
    assert len({key(item) for item in everything(spec, identity)}) == len(everything(spec, identity))


@given(specs, identities)
def test_what_is_built_is_plain_and_always_the_same(spec: ConsensusClusterSpec, identity: Identity) -> None:
    assert json.loads(json.dumps(everything(spec, identity))) == everything(spec, identity)


@given(specs, identities)
def test_no_child_holds_a_secret(spec: ConsensusClusterSpec, identity: Identity) -> None:
    kinds = {item["kind"] for item in everything(spec, identity)}
    assert "Secret" not in kinds
    for item in everything(spec, identity):
        if item["kind"] == "ConfigMap":
            assert "PRIVATE KEY" not in json.dumps(item)
            assert not any(word in json.dumps(item["data"]).lower() for word in ("password", "bootstrap", "secret"))
            assert item["immutable"] is True


@given(specs, identities)
def test_a_child_is_wanted_or_unwanted_and_never_both(spec: ConsensusClusterSpec, identity: Identity) -> None:
    assert not {key(item) for item in wanted_children(spec, identity)} & set(unwanted_children(spec, identity))


@given(specs, identities)
def test_the_node_meets_pod_security_restricted(spec: ConsensusClusterSpec, identity: Identity) -> None:
    pod = stateful_set(spec, identity, replicas=3)["spec"]["template"]["spec"]
    node = next(each for kind in ("containers", "initContainers") for each in pod.get(kind, []) if each["name"] == "quorate")
    security = node["securityContext"]
    assert security["allowPrivilegeEscalation"] is False and security["capabilities"] == {"drop": ["ALL"]}
    assert security["runAsNonRoot"] and security["readOnlyRootFilesystem"] and security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert all(set(volume) & {"configMap", "emptyDir", "secret", "projected"} for volume in pod["volumes"] if volume["name"] != "mine")
    assert {mount["name"] for mount in node["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]} | {"data"}


@given(specs, identities)
def test_a_stateful_set_never_takes_pods_or_volumes_by_itself(spec: ConsensusClusterSpec, identity: Identity) -> None:
    found = stateful_set(spec, identity, replicas=2)["spec"]
    assert found["updateStrategy"] == {"type": "OnDelete"} and found["podManagementPolicy"] == "Parallel"
    assert found["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert found["replicas"] == 2
    assert found["selector"]["matchLabels"].items() <= found["template"]["metadata"]["labels"].items()


def test_a_template_of_a_newer_operator_is_refused_with_the_remedy() -> None:
    with pytest.raises(UnknownTemplateVersion, match="newer release"):
        stateful_set(spec_of(), IDENTITY, replicas=3, template_version=99)


def test_as_a_sidecar_the_node_is_an_init_container_that_stays_and_the_users_come_after() -> None:
    spec = spec_of(sidecar={"template": {"spec": {"containers": [{"name": "app"}], "initContainers": [{"name": "migrate"}]}}})
    pod = stateful_set(spec, IDENTITY, replicas=3)["spec"]["template"]["spec"]
    assert [each["name"] for each in pod["initContainers"]] == ["quorate", "migrate"]
    assert pod["initContainers"][0]["restartPolicy"] == "Always"
    assert [each["name"] for each in pod["containers"]] == ["app"]
    assert pod["initContainers"][0]["readinessProbe"]["httpGet"]["path"] == "/health/live", "an election keeps the app in its Service"


def test_alone_it_is_ready_only_as_a_member_that_knows_its_leader() -> None:
    node = stateful_set(spec_of(), IDENTITY, replicas=3)["spec"]["template"]["spec"]["containers"][0]
    assert node["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert "restartPolicy" not in node


@given(specs, identities)
def test_only_the_nodes_own_container_gets_the_token(spec: ConsensusClusterSpec, identity: Identity) -> None:
    pod = stateful_set(spec, identity, replicas=3)["spec"]["template"]["spec"]
    containers = [*pod.get("initContainers", []), *pod.get("containers", [])]
    holders = [each["name"] for each in containers for mount in each.get("volumeMounts", []) if mount["name"] == TOKEN_VOLUME]
    assert (pod["automountServiceAccountToken"], holders) == (False, ["quorate"])
    token = next(volume for volume in pod["volumes"] if volume["name"] == TOKEN_VOLUME)["projected"]["sources"][0]["serviceAccountToken"]
    assert token == {"expirationSeconds": 3600, "path": "token"}, "for the API server alone, and short"


@pytest.mark.parametrize("fields", [{}, {"sidecar": {"template": {"spec": {"containers": [{"name": "app"}]}}}}])
def test_whoever_stops_a_pod_the_leadership_is_moved_first(fields: dict[str, Any]) -> None:
    pod = stateful_set(spec_of(**fields), IDENTITY, replicas=3)["spec"]["template"]["spec"]
    node = next(each for each in [*pod.get("initContainers", []), *pod["containers"]] if each["name"] == "quorate")
    assert node["lifecycle"]["preStop"]["exec"]["command"][-2:] == ["quorate_node.hand_over", HAND_OVER_SOCKET]
    assert {"name": "quorate-tmp", "mountPath": "/tmp"} in node["volumeMounts"]


@pytest.mark.parametrize(
    "fields, image",
    [
        ({}, "quorate:0.1.0"),
        ({"version": "0.2.0"}, "quorate:0.2.0"),
        ({"image": {"reference": "example.com:5000/quorate"}, "version": "0.2.0"}, "example.com:5000/quorate:0.2.0"),
        ({"image": {"reference": "example.com/quorate:mine"}, "version": "0.2.0"}, "example.com/quorate:mine"),
        ({"image": {"reference": "example.com/quorate@sha256:abc"}}, "example.com/quorate@sha256:abc"),
    ],
)
def test_the_image_is_the_users_or_the_operators_own(fields: dict[str, Any], image: str) -> None:
    template = stateful_set(spec_of(**fields), IDENTITY, replicas=3)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == image


def test_gpus_by_device_plugin_are_asked_for_as_whole_numbers_and_their_nodes_tolerated() -> None:
    gpu = {"kind": "devicePlugin", "devicePlugin": {"count": 2}, "runtimeClassName": "nvidia", "nodeSelector": {"gpu": "yes"}}
    pod = stateful_set(spec_of(gpu=gpu), IDENTITY, replicas=3)["spec"]["template"]["spec"]
    assert pod["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "2"}
    assert pod["runtimeClassName"] == "nvidia" and pod["nodeSelector"] == {"gpu": "yes"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in pod["tolerations"]


def test_gpus_by_claim_have_a_template_that_the_pods_name() -> None:
    spec = spec_of(gpu={"kind": "resourceClaim", "resourceClaim": {"deviceClassName": "gpu.nvidia.com", "selectors": ["true"]}})
    template = gpu_claim_template(spec, IDENTITY)
    assert template is not None
    pod = stateful_set(spec, IDENTITY, replicas=3)["spec"]["template"]["spec"]
    assert pod["resourceClaims"][0]["resourceClaimTemplateName"] == template["metadata"]["name"]
    assert pod["containers"][0]["resources"]["claims"] == [{"name": "gpu"}]
    assert template["spec"]["spec"]["devices"]["requests"][0]["exactly"]["selectors"] == [{"cel": {"expression": "true"}}]


def test_members_find_each_other_before_any_is_ready() -> None:
    service = members_service(IDENTITY)["spec"]
    assert service["clusterIP"] == "None" and service["publishNotReadyAddresses"] is True


def test_the_leaders_service_has_no_selector_and_is_there_when_asked_for() -> None:
    assert leader_service(spec_of(), IDENTITY) is None
    asked = leader_service(spec_of(services={"leader": {"enabled": True}}), IDENTITY)
    assert asked is not None and "selector" not in asked["spec"]
    assert client_service(spec_of(), IDENTITY)["spec"]["selector"] == IDENTITY.selector


LED = spec_of(services={"leader": {"enabled": True}})


def test_what_the_leader_writes_is_no_drift_and_is_never_applied_over() -> None:
    wanted = leader_slice(LED, IDENTITY)
    assert wanted is not None and not {"endpoints", "ports"} & set(wanted)
    endpoints = [{"addresses": ["10.0.0.2"], "conditions": {"ready": True}}]
    metadata = {**wanted["metadata"], "annotations": {"quorate.io/leader-term": "7"}}
    written = {**wanted, "metadata": metadata, "endpoints": endpoints, "ports": [{"name": "api", "port": 7301}]}
    assert differences(wanted, written) == []
    stolen = {**written, "metadata": {**metadata, "labels": {}}}
    assert differences(wanted, stolen) != [], "but a slice that no Service finds any more is put right"


def test_where_pods_have_addresses_of_version_6_so_has_the_slice_and_members_listen_on_them() -> None:
    identity = replace(IDENTITY, address_type="IPv6")
    found = leader_slice(LED, identity)
    assert found is not None and found["addressType"] == "IPv6"
    assert 'host = "::"' in settings_map(LED, identity)["data"]["quorate.toml"]


def test_members_may_write_the_one_slice_of_their_leader_and_no_other() -> None:
    role, binding = leader_role(LED, IDENTITY), leader_role_binding(LED, IDENTITY)
    assert role is not None and binding is not None
    assert role["rules"] == [
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "resourceNames": ["orders-leader"],
            "verbs": ["get", "list", "watch", "patch"],
        }
    ]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": role["metadata"]["name"]}
    assert binding["subjects"] == role_binding(LED, IDENTITY)["subjects"]


def test_without_a_leader_service_nothing_of_it_is_left() -> None:
    left = {("Service", "orders-leader"), ("EndpointSlice", "orders-leader"), ("Role", "orders-leader"), ("RoleBinding", "orders-leader")}
    assert left <= set(unwanted_children(spec_of(), IDENTITY))
    assert left <= {key(item) for item in wanted_children(LED, IDENTITY)}


@pytest.mark.parametrize("replicas, there", [(1, False), (2, False), (3, True), (5, True)])
def test_a_budget_is_there_from_three_members_on(replicas: int, there: bool) -> None:
    assert (disruption_budget(spec_of(replicas=replicas), IDENTITY) is not None) is there


def test_a_budget_lets_one_go_and_none_while_the_gate_is_closed() -> None:
    opened, closed = disruption_budget(spec_of(), IDENTITY), disruption_budget(spec_of(), IDENTITY, closed=True)
    assert opened is not None and closed is not None
    assert (opened["spec"]["maxUnavailable"], closed["spec"]["maxUnavailable"]) == (1, 0)
    assert opened["spec"]["unhealthyPodEvictionPolicy"] == "IfHealthyBudget"


def test_the_peer_port_is_the_members_alone_and_the_api_always_the_operators_too() -> None:
    policy = network_policy(spec_of(networkPolicy={"clients": [{"podSelector": {}}]}), IDENTITY)
    assert policy is not None
    peer, api = policy["spec"]["ingress"]
    members, injected = {"matchLabels": IDENTITY.selector}, {"matchLabels": {"quorate.io/inject": IDENTITY.name}}
    assert peer["from"] == [{"podSelector": members}, {"podSelector": injected}]
    alone = network_policy(spec_of(injection={"enabled": False}), IDENTITY)
    assert alone is not None and alone["spec"]["ingress"][0]["from"] == [{"podSelector": members}]
    assert {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "quorate-system"}}} in api["from"]
    assert network_policy(spec_of(networkPolicy={"enabled": False}), IDENTITY) is None


def test_other_settings_are_another_map_and_the_same_ones_the_same() -> None:
    plain, again = settings_map(spec_of(), IDENTITY), settings_map(spec_of(replicas=5), IDENTITY)
    other = settings_map(spec_of(timing={"heartbeatMs": 60}), IDENTITY)
    assert plain == again
    assert plain["metadata"]["name"] != other["metadata"]["name"]


def test_toml_is_what_the_node_reads() -> None:
    import tomllib

    sections = {"member": {"data_dir": 'a "b" \\c', "witness": True}, "listen": {"port": 7301}}
    assert tomllib.loads(toml(sections)) == sections


def test_volumes_are_owned_by_the_resource_for_delete_alone_and_never_controlled() -> None:
    kept = claim(spec_of(), IDENTITY, "data-orders-0", "u", "10Gi")
    deleted = claim(spec_of(storage={"retention": "Delete"}), IDENTITY, "data-orders-0", "u", "10Gi")
    assert kept["metadata"]["ownerReferences"] == []
    assert deleted["metadata"]["ownerReferences"] == [IDENTITY.owner(controller=False)]
    assert deleted["metadata"]["uid"] == "u", "this very claim, not one of the same name"


def test_a_certificate_of_cert_manager_names_every_member_and_service() -> None:
    found = certificate(spec_of(tls={"mode": "CertManager", "issuer": {"name": "internal"}}), IDENTITY)
    assert found is not None
    assert {"*.orders-members.shop.svc", "orders.shop.svc"} <= set(found["spec"]["dnsNames"])
    assert certificate(spec_of(), IDENTITY) is None


def test_members_get_the_charts_role_and_no_other() -> None:
    assert role_binding(spec_of(), IDENTITY)["roleRef"]["name"] == "quorate-member"


@pytest.mark.parametrize(
    "fields, account",
    [
        ({}, "orders"),
        ({"podTemplate": {"spec": {"serviceAccountName": "mine"}}}, "mine"),
        ({"sidecar": {"template": {"spec": {"containers": [{"name": "app"}], "serviceAccountName": "shop"}}}}, "shop"),
    ],
)
def test_what_members_may_do_is_given_to_the_account_that_their_pods_run_as(fields: dict[str, Any], account: str) -> None:
    spec = spec_of(**fields)
    assert stateful_set(spec, IDENTITY, replicas=3)["spec"]["template"]["spec"]["serviceAccountName"] == account
    assert [subject["name"] for subject in role_binding(spec, IDENTITY)["subjects"]] == [account]


@pytest.mark.parametrize("pod, ordinal", [("orders-0", 0), ("orders-12", 12), ("orders-01", None), ("order-0", None), ("orders-x", None)])
def test_a_pods_ordinal_is_read_from_its_name(pod: str, ordinal: int | None) -> None:
    assert IDENTITY.ordinal(pod) == ordinal


def test_what_no_release_does_yet_is_taken_and_changes_no_child() -> None:
    asked = spec_of(keyRotation={"enabled": True, "intervalS": 3600, "graceS": 30, "secretName": "mine"})
    assert everything(asked, IDENTITY) == everything(spec_of(), IDENTITY)
