"""Which API server, as whom, and in which namespace: found as kubectl finds them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import load_incluster_config
from kubernetes.aio.config.kube_config import list_kube_config_contexts, load_kube_config

from quorate_operator.clients.errors import ApiUnreachable

DEFAULT_FILE = Path("~/.kube/config")
POD_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


@dataclass(frozen=True)
class Connection:
    configuration: Configuration
    namespace: str


async def connect(kubeconfig: str = "", context: str = "", namespace: str = "") -> Connection:
    """`--kubeconfig`, else KUBECONFIG, else ~/.kube/config, else the pod's own ServiceAccount. Raises `ApiUnreachable`."""
    file, pod_namespace = _file(kubeconfig), _pod_namespace()
    configuration = Configuration()
    if not file and not context and pod_namespace:
        load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return Connection(configuration, namespace or pod_namespace)
    if not file:
        raise ApiUnreachable(f"there is no kubeconfig: KUBECONFIG is not set and {DEFAULT_FILE} does not exist")
    _require(file)
    try:
        contexts, active = list_kube_config_contexts(file)  # type: ignore[no-untyped-call]
        chosen = _chosen(contexts, active, context)
        await load_kube_config(file, context=context or None, client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError, ValueError, TypeError) as wrong:
        raise ApiUnreachable(f"the kubeconfig {file} cannot be used: {wrong}") from wrong
    return Connection(configuration, namespace or str(chosen.get("context", {}).get("namespace") or "default"))


def _file(named: str) -> str:
    default = DEFAULT_FILE.expanduser()
    return named or os.environ.get("KUBECONFIG", "") or (str(default) if default.exists() else "")


def _pod_namespace() -> str:
    """Empty outside of a pod."""
    return POD_NAMESPACE_FILE.read_text(encoding="utf-8").strip() if POD_NAMESPACE_FILE.exists() else ""


def _require(file: str) -> None:
    """KUBECONFIG may name several files, of which some need not exist."""
    if not any(Path(each).exists() for each in file.split(os.pathsep) if each):
        raise ApiUnreachable(f"the kubeconfig {file} does not exist")


def _chosen(contexts: list[dict[str, Any]], active: dict[str, Any], context: str) -> dict[str, Any]:
    """Raises ValueError for a context that is not in the file."""
    if not context:
        return active
    for each in contexts:
        if each["name"] == context:
            return each
    raise ValueError(f"it has no context {context!r}, but {', '.join(each['name'] for each in contexts) or 'none'}")
