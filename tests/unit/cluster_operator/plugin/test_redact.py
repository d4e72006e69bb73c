"""Nothing that could be a secret leaves the house, and what is left still tells something."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from quorate_operator.plugin import redact

SECRET = "correct-horse-battery-staple"
POD: dict[str, Any] = {
    "kind": "Pod",
    "metadata": {
        "name": "orders-0",
        "labels": {"app": "orders"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET, "quorate.io/restarted-at": "2026-01-01T00:00:00Z"},
        "managedFields": [{"manager": "x"}],
    },
    "spec": {
        "initContainers": [{"name": "quorate", "image": "quorate:0.1.0", "env": [{"name": "QUORATE_MEMBER__NAME", "value": "orders-0"}]}],
        "containers": [
            {
                "name": "app",
                "image": "app:1",
                "args": ["--password", SECRET],
                "command": ["run", SECRET],
                "env": [{"name": "PASSWORD", "value": SECRET}, {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}],
                "livenessProbe": {"httpGet": {"path": "/", "httpHeaders": [{"name": "Authorization", "value": SECRET}]}},
                "lifecycle": {"preStop": {"exec": {"command": ["stop", SECRET]}}},
            }
        ],
        "volumes": [{"name": "v", "csi": {"driver": "d", "volumeAttributes": {"account": SECRET}}}],
    },
}


def test_nothing_of_a_users_container_that_may_be_a_secret_is_kept() -> None:
    before = copy.deepcopy(POD)
    shown = redact.item(POD)
    assert SECRET not in json.dumps(shown)
    assert before == POD, "what was read is not changed"
    assert shown["spec"]["containers"][0]["image"] == "app:1"
    assert shown["spec"]["containers"][0]["env"][1]["valueFrom"]["secretKeyRef"]["name"] == "s", "which Secret it is, is none"
    assert shown["spec"]["initContainers"][0]["env"] == [{"name": "QUORATE_MEMBER__NAME", "value": "orders-0"}]
    assert shown["metadata"]["annotations"]["quorate.io/restarted-at"] == "2026-01-01T00:00:00Z"
    assert "managedFields" not in shown["metadata"]


def test_a_variable_of_the_users_in_our_container_is_left_out() -> None:
    container = {"name": "quorate", "env": [{"name": "QUORATE_LISTEN__PORT", "value": "7301"}, {"name": "HTTP_PROXY", "value": SECRET}]}
    shown = redact.item({"kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [container]}})
    assert SECRET not in json.dumps(shown) and "7301" in json.dumps(shown)


def test_a_template_inside_a_resource_is_searched_too() -> None:
    resource = {"kind": "ConsensusCluster", "metadata": {"name": "o"}, "spec": {"sidecar": {"template": copy.deepcopy(POD)}}}
    assert SECRET not in json.dumps(redact.item(resource))


def test_a_secret_keeps_the_names_of_its_fields_alone() -> None:
    shown = redact.item({"kind": "Secret", "metadata": {"name": "orders-tls", "annotations": {"a": SECRET}}, "data": {"tls.key": SECRET}})
    assert SECRET not in json.dumps(shown) and list(shown["data"]) == ["tls.key"]


@pytest.mark.parametrize(
    "line",
    [
        f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}\n-----END EC PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{SECRET}",
        f"authorization: Bearer {SECRET}",
        f"postgresql://user:{SECRET}@db:5432/x",
        f"GET /?password={SECRET}&x=1",
        f'{{"level": "info", "token": "{SECRET}"}}',
        f"token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJzeXN0ZW0ifQ.{SECRET}",
    ],
)
def test_what_looks_like_a_secret_in_a_log_is_left_out(line: str) -> None:
    assert SECRET not in redact.text(f"before\n{line}\nafter")
    assert redact.text(f"before\n{line}").startswith("before")


def test_an_ordinary_line_stays_as_it_is() -> None:
    line = '{"level": "info", "message": "orders-0 leads in term 3", "url": "https://orders-0.orders-members.shop.svc:7302"}'
    assert redact.text(line) == line
