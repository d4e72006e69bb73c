"""The nodes' local volumes, offered again when their claims are gone: Kubernetes itself never does that to a retained volume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.kubernetes.kubectl import Kubectl


def recycle_released(kubectl: Kubectl) -> None:
    """Empties the volumes that are released by now, and offers them."""
    for volume in kubectl.list("persistentvolumes"):
        if volume["status"].get("phase") in {"Released", "Failed"} and "local" in volume["spec"]:
            folder = Path(volume["spec"]["local"]["path"])
            shutil.rmtree(folder)
            folder.mkdir()
            patch = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
            kubectl("patch", "persistentvolume", volume["metadata"]["name"], "--type=json", "-p", patch)
