"""The node's settings, as a ConfigMap that never changes: other settings are another ConfigMap.

A member reads its settings at its start. With the content's digest in the name, the pod's own field says which ones it has: what is
outdated is seen in the live pod, and a rollback finds the old settings as they were.
"""

from __future__ import annotations

import hashlib

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.certificate import AUTHORITY_KEY, host_names
from quorate_operator.objects.identity import API_PORT, CLUSTER_LABEL, PEER_PORT, Identity, Object

CONFIG_FOLDER = "/etc/quorate"
CONFIG_FILE = "quorate.toml"
DATA_FOLDER = "/var/lib/quorate"
TLS_FOLDER = "/etc/quorate-tls"
HAND_OVER_SOCKET = "/tmp/quorate.sock"  # noqa: S108 - the pod's own volume, of this one container

_LIMITS = (
    ("machine", "key_bytes_max", "key_bytes_max"),
    ("machine", "value_bytes_max", "value_bytes_max"),
    ("machine", "request_bytes_max", "request_bytes_max"),
    ("machine", "watches_max", "watches_max"),
    ("api", "connections_max", "connections_max"),
    ("api", "requests_inflight_max", "requests_inflight_max"),
    ("replica", "pending_commands_max", "pending_commands_max"),
)
"""Section and setting of the node, and the field of `spec.limits` that sets it."""

IDENTITY_FOLDER = f"{DATA_FOLDER}/tls"
OPERATOR_NAME = "quorate://operator"
"""The name in the operator's client certificate, with which alone the admin routes are used in `tls.mode` Operator."""

Settings = dict[str, dict[str, str | int | bool | list[str]]]


def node_settings(spec: ConsensusClusterSpec, identity: Identity) -> Settings:
    """Sections of the node's file (docs/configuration.md). A pod's own name and addresses come from its environment instead."""
    sections: Settings = {
        "member": {"data_dir": DATA_FOLDER},
        "listen": {
            "host": "::" if identity.address_type == "IPv6" else "0.0.0.0",  # noqa: S104
            "port": API_PORT,
            "peer_port": PEER_PORT,
            "hand_over_socket": HAND_OVER_SOCKET,
        },
        "discovery": {
            "kind": "kubernetes",
            "kubernetes_service": identity.members_service,
            "dns_name": f"{identity.members_service}.{identity.namespace}.svc",
            "dns_port": PEER_PORT,
        },
        "logging": {"format": "json"},
        "shutdown": {"deadline_ms": spec.timing.shutdown_deadline_ms},
        "replica": {
            "heartbeat_ms": spec.timing.heartbeat_ms,
            "election_timeout_ms": spec.timing.election_timeout_ms,
            "read_lease_ms": spec.timing.read_lease_ms,
        },
    }
    if spec.services.leader.enabled:
        sections["kubernetes"] = {"leader_slice": identity.leader_service}
    for section, setting, field in _LIMITS:
        value = getattr(spec.limits, field)
        if value is not None:
            sections.setdefault(section, {})[setting] = value
    if spec.tls.mode != "Disabled":
        sections["tls"] = _tls(own_issuer=spec.tls.mode == "Operator")
    if spec.tls.mode == "Operator":
        # A member asks for the names of its own pod; the operator makes the same list, and signs no other.
        sections["identity"] = {
            "source": "kubernetes",
            "host_names": host_names(identity, "{name}"),
            "request_labels": [f"{CLUSTER_LABEL}={identity.name}"],
        }
        sections["transport"] = {"member_binding_required": True}
    return sections


def _tls(*, own_issuer: bool) -> dict[str, str | int | bool | list[str]]:
    folder, authority = IDENTITY_FOLDER if own_issuer else TLS_FOLDER, f"{TLS_FOLDER}/{AUTHORITY_KEY}"
    found: dict[str, str | int | bool | list[str]] = {
        "certificate_file": f"{folder}/tls.crt",
        "key_file": f"{folder}/tls.key",
        "peer_ca_file": authority,
        # The headless Service resolves to addresses, which no certificate names. Of the own issuer, each names its member instead.
        "peer_verify_hostname": False,
    }
    if own_issuer:
        found |= {"client_ca_file": authority, "client_authentication": "optional", "administrators": [OPERATOR_NAME]}
    return found


def toml(sections: Settings) -> str:
    """Sections as TOML 1.0, in their own order."""
    lines: list[str] = []
    for name, settings in sections.items():
        lines += [f"[{name}]", *(f"{setting} = {_toml_value(value)}" for setting, value in settings.items()), ""]
    return "\n".join(lines)


def environment_of(sections: Settings) -> dict[str, str]:
    """Sections as the node's environment has them (docs/configuration.md)."""
    return {
        f"QUORATE_{name}__{setting}".upper(): ",".join(value) if isinstance(value, list) else _text(value)
        for name, settings in sections.items()
        for setting, value in settings.items()
    }


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _toml_value(value: str | int | bool | list[str]) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml_value, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


SETTINGS = {1: node_settings}
"""By template version: one line more in the file is another ConfigMap, and so a restart of every pod that names it; and an older release of
the node, which pods may still be pinned to, would refuse a setting that it does not know."""


def settings_map(spec: ConsensusClusterSpec, identity: Identity) -> Object:
    """The immutable ConfigMap with the node's file."""
    text = toml(SETTINGS[identity.template_version](spec, identity))
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": identity.metadata(f"{identity.name}-node-{digest}"),
        "immutable": True,
        "data": {CONFIG_FILE: text},
    }
