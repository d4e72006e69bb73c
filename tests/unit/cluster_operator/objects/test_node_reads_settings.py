"""What the operator writes, the node itself takes: its own loader judges every settings map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate_node.config.load import load
from quorate_operator.objects.node_settings import CONFIG_FILE, OPERATOR_NAME, settings_map
from tests.unit.cluster_operator.resources import identity_of, spec_of

EVERY_LIMIT = {
    "keyBytesMax": 1024,
    "valueBytesMax": 2048,
    "requestBytesMax": 4096,
    "watchesMax": 100,
    "connectionsMax": 200,
    "requestsInflightMax": 300,
    "pendingCommandsMax": 400,
}


SLOWER = {"heartbeatMs": 100, "electionTimeoutMs": 1000}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"timing": SLOWER},
        {"limits": EVERY_LIMIT},
        {"services": {"leader": {"enabled": True}}},
        {"tls": {"mode": "Secret", "secretName": "orders-tls"}},
        {"tls": {"mode": "Operator"}},
    ],
)
def test_the_node_takes_the_settings(fields: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / CONFIG_FILE
    path.write_text(settings_map(spec_of(**fields), identity_of())["data"][CONFIG_FILE], encoding="utf-8")
    host = "http://orders-0.orders-members.shop.svc"
    scheme = "https" if "tls" in fields else "http"
    environment = {
        "QUORATE_MEMBER__NAME": "orders-0",
        "QUORATE_KUBERNETES__POD_ADDRESS": "10.0.0.2",
        "QUORATE_LISTEN__PEER_URL": host.replace("http", scheme) + ":7302",
        "QUORATE_LISTEN__CLIENT_URL": host.replace("http", scheme) + ":7301",
    }
    config = load(["--config", str(path)], environment).config
    assert (config.client_url, config.peer_url) == (environment["QUORATE_LISTEN__CLIENT_URL"], environment["QUORATE_LISTEN__PEER_URL"])
    assert (config.discovery.kind, config.discovery.kubernetes_service) == ("kubernetes", "orders-members")
    assert config.discovery.dns_name == "orders-members.shop.svc", "the members' own names are below it"
    assert config.kubernetes.leader_slice == ("orders-leader" if "services" in fields else "")
    assert config.replica.heartbeat_ms == fields.get("timing", {}).get("heartbeatMs", 50)


def test_with_our_own_issuer_a_member_asks_for_the_names_of_its_pod_and_obeys_the_operator_alone(tmp_path: Path) -> None:
    path = tmp_path / CONFIG_FILE
    path.write_text(settings_map(spec_of(tls={"mode": "Operator"}), identity_of())["data"][CONFIG_FILE], encoding="utf-8")
    host = "https://orders-0.orders-members.shop.svc"
    environment = {"QUORATE_LISTEN__PEER_URL": f"{host}:7302", "QUORATE_LISTEN__CLIENT_URL": f"{host}:7301"}
    config = load(["--config", str(path)], environment).config
    assert config.identity.source == "kubernetes"
    assert "{name}.orders-members.shop.svc" in config.identity.host_names
    assert config.tls.administrators == (OPERATOR_NAME,)
    assert config.tls.client_authentication == "optional"
    assert config.transport.member_binding_required
    # On the volume: the next pod finds both; and the bundle, which changes, in a ConfigMap.
    assert config.tls.key_file is not None and config.tls.key_file.is_relative_to(config.member.data_dir)
    assert config.tls.peer_ca_file is not None and not config.tls.peer_ca_file.is_relative_to(config.member.data_dir)
