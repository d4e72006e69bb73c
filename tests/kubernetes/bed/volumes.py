"""The nodes' local volumes, offered again when their claims are gone: Kubernetes itself never does that to a retained volume."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.kubernetes.kubectl import Kubectl, eventually


def recycle_volumes(kubectl: Kubectl) -> None:
    """Waits until the volumes of claims that are gone are released, then empties and offers them."""

    def missing() -> str:
        claims = {(claim["metadata"]["namespace"], claim["metadata"]["name"]) for claim in kubectl.list("persistentvolumeclaims")}
        bound = [volume for volume in kubectl.list("persistentvolumes") if volume["status"].get("phase") == "Bound"]
        references = [volume["spec"]["claimRef"] for volume in bound]
        lost = [each["name"] for each in references if (each["namespace"], each["name"]) not in claims]
        return f"volumes of {', '.join(lost)} are not yet released" if lost else ""

    eventually("volumes are released", missing, 30)
    recycle_released(kubectl)


def recycle_released(kubectl: Kubectl) -> None:
    for volume in kubectl.list("persistentvolumes"):
        if volume["status"].get("phase") in {"Released", "Failed"} and "local" in volume["spec"]:
            folder = Path(volume["spec"]["local"]["path"])
            shutil.rmtree(folder)
            folder.mkdir()
            patch = json.dumps([{"op": "remove", "path": "/spec/claimRef"}])
            kubectl("patch", "persistentvolume", volume["metadata"]["name"], "--type=json", "-p", patch)
