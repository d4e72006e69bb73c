"""What a pod is told of its API server, and what it shows it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from quorate_node.kubernetes.credentials import Credentials, Surroundings
from quorate_node.kubernetes.errors import NotInKubernetes

ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "10.96.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """As the kubelet writes a projected volume: links through a folder that is replaced as a whole."""
    _project(tmp_path, "first", "token-1")
    for name in ("token", "namespace"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    return tmp_path


def _project(folder: Path, generation: str, token: str) -> None:
    made = folder / f"..{generation}"
    made.mkdir()
    (made / "token").write_text(f"{token}\n")
    (made / "namespace").write_text("shop")
    (folder / "..new").symlink_to(made.name)
    (folder / "..new").rename(folder / "..data")


def test_the_api_server_is_reached_by_address_and_never_by_name(folder: Path) -> None:
    found = Surroundings.of_pod(ENVIRONMENT, folder)
    assert (found.url, found.namespace) == ("https://10.96.0.1:443", "shop")
    assert Surroundings.of_pod({**ENVIRONMENT, "KUBERNETES_SERVICE_HOST": "fd00::1"}, folder).url == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"])
def test_outside_of_kubernetes_it_says_which_variable_is_missing(folder: Path, missing: str) -> None:
    with pytest.raises(NotInKubernetes, match=f"{missing} is ''"):
        Surroundings.of_pod({**ENVIRONMENT, missing: ""}, folder)


def test_without_the_volume_it_says_what_to_mount(folder: Path) -> None:
    shutil.rmtree(folder / "..first")
    with pytest.raises(NotInKubernetes, match="namespace: No such file or directory; mount the projected volume"):
        Surroundings.of_pod(ENVIRONMENT, folder)


def test_a_token_that_the_kubelet_replaces_is_read_again(folder: Path) -> None:
    credentials = Credentials(Surroundings.of_pod(ENVIRONMENT, folder))
    assert credentials.token() == "token-1"
    _project(folder, "second", "token-2")
    assert credentials.token() == "token-2"


def test_a_token_that_no_header_can_carry_is_refused_without_being_told(folder: Path) -> None:
    credentials = Credentials(Surroundings.of_pod(ENVIRONMENT, folder))
    _project(folder, "second", "first line\nx-injected: 1")
    with pytest.raises(NotInKubernetes, match="holds no token") as caught:
        credentials.token()
    assert "injected" not in str(caught.value)


def test_a_ca_that_is_none_is_named(folder: Path) -> None:
    credentials = Credentials(Surroundings.of_pod(ENVIRONMENT, folder))
    with pytest.raises(NotInKubernetes, match=r"ca\.crt: No such file"):
        credentials.context()
    (folder / "ca.crt").write_text("no certificate")
    with pytest.raises(NotInKubernetes, match=r"ca\.crt holds no certificate"):
        credentials.context()
