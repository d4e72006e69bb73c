"""What an installation needs, each as one check with its remedy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from quorate_operator.api.crd import custom_resource_definition
from quorate_operator.api.model import GROUP, KIND, PLURAL, VERSION
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.access import MEMBER_ROLE
from quorate_operator.objects.identity import Object

OPERATOR_LABEL = "app.kubernetes.io/name=quorate-operator"
LEASE_VARIABLE = "QUORATE_OPERATOR_LEASE_NAME"
LEASE_PERIODS_MAX = 2
INSTALL = "install or upgrade the chart: docs/install.md"


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Installation:
    api: KubernetesApi
    namespace: str
    """In which a cluster is made as a dry run."""
    operator_namespace: str

    async def check(self) -> list[Check]:
        """All of them, whatever comes of the first. Raises `ApiUnreachable`."""
        works: tuple[tuple[str, Callable[[], Awaitable[Check]]], ...] = (
            ("resource", self._resource),
            ("accepts", self._accepts),
            ("refuses", self._refuses),
            ("operator", self._operator),
            ("lease", self._lease),
            ("member role", self._member_role),
        )
        found = []
        for name, work in works:
            try:
                found.append(await work())
            except ApiFailure as failure:
                advice = "you may not look at it: ask somebody who may" if failure.status == 403 else INSTALL
                found.append(Check(name, False, str(failure), advice))
        return found

    async def _resource(self) -> Check:
        crd = await self.api.get("CustomResourceDefinition", "", f"{PLURAL}.{GROUP}")
        if crd is None:
            return Check("resource", False, f"this Kubernetes knows no {KIND}", INSTALL)
        served = next((each for each in crd["spec"]["versions"] if each["name"] == VERSION), None)
        if served is None:
            return Check("resource", False, f"{KIND} is there without version {VERSION}", INSTALL)
        wanted = custom_resource_definition()["spec"]["versions"][0]
        lacking = missing_fields(wanted["schema"]["openAPIV3Schema"], served["schema"]["openAPIV3Schema"])
        if lacking:
            message = f"the CustomResourceDefinition is older than this plugin: it lacks {', '.join(lacking[:4])}"
            return Check("resource", False, message, INSTALL)
        return Check("resource", True, f"{KIND} {VERSION} is served, with every field of this release")

    async def _accepts(self) -> Check:
        try:
            await self.api.create(_sample(self.namespace, 3), dry_run=True)
        except ApiFailure as failure:
            remedy = "see the message; a quota or a webhook may be in its way"
            return Check("accepts", False, f"a cluster of three is refused: {failure}", remedy)
        return Check("accepts", True, "a cluster of three would be accepted")

    async def _refuses(self) -> Check:
        try:
            await self.api.create(_sample(self.namespace, 0), dry_run=True)
        except ApiFailure as failure:
            if failure.status == 422 and "hibernated" in str(failure):
                return Check("refuses", True, "a cluster of none is refused, with the remedy")
            return Check("refuses", False, f"a cluster of none is refused with other words than ours: {failure}", INSTALL)
        return Check("refuses", False, "a cluster of none would be accepted: the resource's rules are not there", INSTALL)

    async def _deployments(self) -> list[Object]:
        return await self.api.list("Deployment", self.operator_namespace, label=OPERATOR_LABEL)

    async def _operator(self) -> Check:
        found = await self._deployments()
        if not found:
            message = f"there is no operator in namespace {self.operator_namespace}"
            return Check("operator", False, message, f"name its namespace with --operator-namespace, or {INSTALL}")
        wanted = sum(each["spec"].get("replicas", 1) for each in found)
        ready = sum(each.get("status", {}).get("readyReplicas", 0) for each in found)
        message = f"{ready} of {wanted} operators are ready"
        if not ready:
            look = f"`kubectl -n {self.operator_namespace} describe pods -l {OPERATOR_LABEL}` says why"
            none = "set the chart's `replicas`: clusters go on, and nobody changes or heals them"
            return Check("operator", False, message, look if wanted else none)
        return Check("operator", ready == wanted, message, "" if ready == wanted else "see the pods' events")

    async def _lease(self) -> Check:
        for deployment in await self._deployments():
            name = _lease_name(deployment)
            lease = await self.api.get("Lease", self.operator_namespace, name)
            spec = (lease or {}).get("spec", {})
            if not spec.get("holderIdentity"):
                return Check("lease", False, f"nobody holds the Lease {name}: no operator works", "see the operators' logs")
            age_s = (datetime.now(UTC) - datetime.fromisoformat(spec["renewTime"])).total_seconds()
            if age_s > LEASE_PERIODS_MAX * spec.get("leaseDurationSeconds", 15):
                return Check("lease", False, f"{spec['holderIdentity']} has not renewed the Lease {name} for {age_s:.0f} s", "see its log")
            return Check("lease", True, f"{spec['holderIdentity']} works")
        return Check("lease", False, "there is no operator to hold it", INSTALL)

    async def _member_role(self) -> Check:
        if await self.api.get("ClusterRole", "", MEMBER_ROLE) is None:
            return Check("member role", False, f"there is no ClusterRole {MEMBER_ROLE}: members may not read who their peers are", INSTALL)
        return Check("member role", True, f"the ClusterRole {MEMBER_ROLE} is there")


def _sample(namespace: str, replicas: int) -> Object:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": KIND,
        "metadata": {"name": "quorate-doctor", "namespace": namespace},
        "spec": {"replicas": replicas},
    }


def _lease_name(deployment: Object) -> str:
    for container in deployment["spec"]["template"]["spec"]["containers"]:
        for variable in container.get("env", []):
            if variable["name"] == LEASE_VARIABLE and variable.get("value"):
                return str(variable["value"])
    return "quorate-operator"


def missing_fields(wanted: Any, there: Any, path: str = "") -> list[str]:
    """Paths of fields that `wanted` has and `there` lacks."""
    found: list[str] = []
    for name, each in wanted.get("properties", {}).items():
        below = f"{path}.{name}".lstrip(".")
        known = there.get("properties", {}).get(name)
        found += [below] if known is None else missing_fields(each, known, below)
    if "items" in wanted:
        found += missing_fields(wanted["items"], there.get("items", {}), f"{path}[]")
    return found
