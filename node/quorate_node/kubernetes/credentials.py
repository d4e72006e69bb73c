"""Where the API server is, and what a pod shows it: ServiceAccount token and CA, read again whenever the kubelet replaces them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from quorate_node.kubernetes.errors import NotInKubernetes

SERVICE_ACCOUNT_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
FILE_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`url`: the API server's, by address, so that no name server is needed to reach it."""

    url: str
    namespace: str
    token_file: Path
    authority_file: Path

    @classmethod
    def of_pod(cls, environment: Mapping[str, str], folder: Path = SERVICE_ACCOUNT_FOLDER) -> Surroundings:
        """As Kubernetes tells every container. Raises `NotInKubernetes`."""
        host, port = environment.get("KUBERNETES_SERVICE_HOST", ""), environment.get("KUBERNETES_SERVICE_PORT", "")
        if not host or not port.isdigit():
            raise NotInKubernetes(
                f"KUBERNETES_SERVICE_HOST is {host!r} and KUBERNETES_SERVICE_PORT is {port!r}: the kubelet sets both in every container; "
                "outside of Kubernetes use another kind of discovery"
            )
        namespace = _read(folder / "namespace").strip()
        if not namespace:
            raise NotInKubernetes(f"{folder / 'namespace'} is empty: mount the projected volume of the pod's ServiceAccount there")
        bracketed = f"[{host}]" if ":" in host else host
        return cls(f"https://{bracketed}:{port}", namespace, folder / "token", folder / "ca.crt")


class Credentials:
    """Looks at the files at each question; a stat costs less than a request by far."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._token = ""
        self._token_seen: object = None
        self._context: ssl.SSLContext | None = None
        self._context_seen: object = None

    def token(self) -> str:
        """Raises `NotInKubernetes` when there is none."""
        path = self._surroundings.token_file
        seen = _signature(path)
        if seen != self._token_seen:
            token = _read(path).strip()
            if not token or any(not 33 <= ord(character) <= 126 for character in token):
                raise NotInKubernetes(f"{path} holds no token: mount the projected volume of the pod's ServiceAccount there")
            self._token, self._token_seen = token, seen
        return self._token

    def context(self) -> ssl.SSLContext | None:
        """None for plain HTTP. Raises `NotInKubernetes` when the CA cannot be read."""
        if not self._surroundings.url.startswith("https://"):
            return None
        path = self._surroundings.authority_file
        seen = _signature(path)
        if self._context is None or seen != self._context_seen:
            try:
                self._context = ssl.create_default_context(cadata=_read(path))
            except ssl.SSLError as error:
                raise NotInKubernetes(f"{path} holds no certificate: {error.reason or error}") from error
            self._context_seen = seen
        return self._context


def _signature(path: Path) -> object:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    return status.st_ino, status.st_mtime_ns, status.st_size


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> NotInKubernetes:
    return NotInKubernetes(f"{path}: {error.strerror}; mount the projected volume of the pod's ServiceAccount there, readable by this user")
