"""The API server, the identity and the namespace are found as kubectl finds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from quorate_operator.clients.errors import ApiUnreachable
from quorate_operator.plugin import connection as module
from quorate_operator.plugin.connection import connect


def kubeconfig(path: Path, current: str = "one", **contexts: str) -> Path:
    """Contexts by name, each with a namespace (or none) and a server of its own name."""
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}.example.com:6443"}} for name in contexts],
        "users": [{"name": "me", "user": {"token": "t"}}],
        "contexts": [
            {"name": name, "context": {"cluster": name, "user": "me", **({"namespace": namespace} if namespace else {})}}
            for name, namespace in contexts.items()
        ],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither a kubeconfig of whoever runs the tests, nor a pod."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setattr(module, "DEFAULT_FILE", tmp_path / "none" / "config")
    monkeypatch.setattr(module, "POD_NAMESPACE_FILE", tmp_path / "none" / "namespace")


async def test_the_current_context_says_where_and_in_which_namespace(tmp_path: Path) -> None:
    found = await connect(str(kubeconfig(tmp_path / "c", one="shop", two="")))
    assert found.configuration.host == "https://one.example.com:6443" and found.namespace == "shop"


async def test_another_context_and_namespace_may_be_named(tmp_path: Path) -> None:
    file = str(kubeconfig(tmp_path / "c", one="shop", two=""))
    found = await connect(file, "two")
    assert found.configuration.host == "https://two.example.com:6443" and found.namespace == "default"
    assert (await connect(file, "one", "other")).namespace == "other"


async def test_a_flag_goes_before_the_environment_and_both_before_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEFAULT_FILE", kubeconfig(tmp_path / "default", one="by-default"))
    assert (await connect()).namespace == "by-default"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig(tmp_path / "environment", one="by-environment")))
    assert (await connect()).namespace == "by-environment"
    assert (await connect(str(kubeconfig(tmp_path / "flag", one="by-flag")))).namespace == "by-flag"


@pytest.mark.parametrize("context, words", [("three", "no context 'three', but one, two"), ("", "cannot be used: .*contexts list")])
async def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path, context: str, words: str) -> None:
    file = kubeconfig(tmp_path / "c", "" if not context else "one", one="shop", two="")
    with pytest.raises(ApiUnreachable, match=words):
        await connect(str(file), context)


async def test_a_file_that_is_not_there_or_is_none_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ApiUnreachable, match="does not exist"):
        await connect(str(tmp_path / "missing"))
    (tmp_path / "c").write_text("just words", encoding="utf-8")
    with pytest.raises(ApiUnreachable, match="cannot be used"):
        await connect(str(tmp_path / "c"))


async def test_nothing_at_all_is_told_so() -> None:
    with pytest.raises(ApiUnreachable, match="KUBECONFIG is not set"):
        await connect()
