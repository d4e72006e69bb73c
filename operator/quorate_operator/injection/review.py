"""One AdmissionReview (admission.k8s.io/v1), answered. A pod that cannot have the sidecar is let through as it is, and told why. Pure."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.objects.identity import Identity, Object
from quorate_operator.objects.injection import INJECT_LABEL, REASON_CHARACTERS_MAX, REFUSED, annotation, has_sidecar, injection, refusal

API_VERSION = "admission.k8s.io/v1"
WARNING_CHARACTERS_MAX = 120
"""Longer warnings may be cut off by the API server."""
MESSAGE_CHARACTERS_MAX = 1024


class Malformed(ValueError):
    """No AdmissionReview of a pod; says what is wrong with it."""


@dataclass(frozen=True)
class Asked:
    """`pod` as it would be stored. `namespace` is the request's: the pod itself may not name one yet."""

    uid: str
    namespace: str
    pod: Object
    creates: bool

    @property
    def cluster(self) -> str:
        return str((self.pod.get("metadata", {}).get("labels") or {}).get(INJECT_LABEL, ""))


@dataclass(frozen=True)
class Cluster:
    """The one that the pod names. `identity`: as its StatefulSet is pinned, so that beside a pod runs what runs in the cluster."""

    spec: ConsensusClusterSpec
    identity: Identity


def asked(body: object) -> Asked:
    """Raises `Malformed`."""
    if not isinstance(body, dict) or body.get("apiVersion") != API_VERSION or body.get("kind") != "AdmissionReview":
        raise Malformed(f"the body is no AdmissionReview of {API_VERSION}")
    request = body.get("request")
    if not isinstance(request, dict):
        raise Malformed("the AdmissionReview has no request")
    uid, namespace, pod = request.get("uid"), request.get("namespace"), request.get("object")
    if not isinstance(uid, str) or not uid or not isinstance(namespace, str) or not namespace:
        raise Malformed("the request lacks its uid or its namespace")
    if not isinstance(pod, dict) or not isinstance(pod.get("metadata", {}), dict) or not isinstance(pod.get("spec"), dict):
        raise Malformed("the request's object is no pod")
    if (request.get("kind") or {}).get("kind") != "Pod" or request.get("subResource"):
        raise Malformed("the request is not for a pod")
    return Asked(uid, namespace, pod, request.get("operation") == "CREATE")


def judged(asked: Asked, cluster: Cluster | str) -> tuple[str, list[Object], str]:
    """(result in one word, JSON Patch, why not). `cluster` is a text where there is none that could be looked up."""
    if not asked.cluster or not asked.creates or has_sidecar(asked.pod):
        return "untouched", [], ""
    why = cluster if isinstance(cluster, str) else refusal(asked.pod, cluster.spec, cluster.identity)
    if isinstance(cluster, str) or why:
        return "refused", annotation(asked.pod, f"{REFUSED}{why}"[:REASON_CHARACTERS_MAX]), why
    return "injected", injection(asked.pod, cluster.spec, cluster.identity), ""


def answer(uid: str, patch: list[Object], why: str = "") -> Object:
    """An AdmissionReview that always allows."""
    response: Object = {"uid": uid, "allowed": True}
    if patch:
        response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(patch).encode()).decode("ascii")}
    if why:
        response["warnings"] = [f"no Quorate member beside this pod: {why}"[:WARNING_CHARACTERS_MAX]]
    return {"apiVersion": API_VERSION, "kind": "AdmissionReview", "response": response}
