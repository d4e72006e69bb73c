"""Kubeconfig files, in JSON, which is YAML."""

from __future__ import annotations

import json
from pathlib import Path

from tests.kubernetes.bed.certificates import KeyPair


def write_kubeconfig(path: Path, server: str, authority: Path, client: KeyPair) -> Path:
    """A kubeconfig at `path` that speaks to `server` (URL) with `client`'s certificate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "bed", "cluster": {"server": server, "certificate-authority": str(authority)}}],
        "users": [{"name": "user", "user": {"client-certificate": str(client.certificate), "client-key": str(client.key)}}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": "user"}}],
        "current-context": "bed",
    }
    path.write_text(json.dumps(document))
    return path
