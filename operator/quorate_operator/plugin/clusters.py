"""The resources, as the plugin reads and edits them: what was decided on a resource is refused when it has changed meanwhile."""

from __future__ import annotations

import asyncio
import difflib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from quorate_operator.api.model import KIND
from quorate_operator.api.status import ConsensusClusterStatus
from quorate_operator.clients.errors import ApiFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.objects.identity import Object
from quorate_operator.plugin.failures import NotFound, WaitedTooLong

MANAGER = "kubectl-quorate"
"""Field manager: `kubectl get --show-managed-fields` says which fields were set from here."""
EDITS_MAX = 10
"""The operator writes the status meanwhile, and every write is a new version of the resource."""
POLL_S = 0.5
NAMES_SHOWN_MAX = 8


@dataclass(frozen=True)
class Seen:
    """One resource as it was read."""

    item: Object
    status: ConsensusClusterStatus

    @property
    def name(self) -> str:
        return str(self.item["metadata"]["name"])

    @property
    def namespace(self) -> str:
        return str(self.item["metadata"]["namespace"])

    @property
    def spec(self) -> Object:
        found: Object = self.item.get("spec", {})
        return found

    @property
    def generation(self) -> int:
        return int(self.item["metadata"].get("generation", 0))

    @property
    def up_to_date(self) -> bool:
        """The operator has looked at the newest change of the spec."""
        return self.status.observed_generation >= self.generation

    def true(self, kind: str) -> bool:
        """Whether a condition holds."""
        return any(each.type == kind and each.status == "True" for each in self.status.conditions)


def seen(item: Object) -> Seen:
    """A status of a newer operator may say more than this plugin knows: what is unknown is left out."""
    return Seen(item, ConsensusClusterStatus.model_validate(_known(item.get("status", {}))))


def _known(status: Object) -> Object:
    try:
        ConsensusClusterStatus.model_validate(status)
        return status
    except ValidationError as wrong:
        extra = [each["loc"] for each in wrong.errors() if each["type"] == "extra_forbidden"]
        if len(extra) < wrong.error_count():
            raise
    copied = _copied(status)
    for location in extra:
        node = copied
        for part in location[:-1]:
            node = node[part]
        del node[location[-1]]
    return dict(copied)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value


class Clusters:
    """Raises `Failure` of the API server, and `PluginError`."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self.api = api
        self.namespace = namespace

    async def list(self, *, everywhere: bool = False) -> list[Seen]:
        try:
            return [seen(item) for item in await self.api.list(KIND, "" if everywhere else self.namespace)]
        except ApiFailure as failure:
            if failure.status == 404:
                raise NotFound(f"this Kubernetes knows no {KIND}", "install the operator first: docs/install.md") from failure
            raise

    async def get(self, name: str) -> Seen:
        item = await self.api.get(KIND, self.namespace, name)
        if item is not None:
            return seen(item)
        names = sorted(each.name for each in await self.list())
        near = difflib.get_close_matches(name, names, 1)
        there = f"there are {', '.join(names[:NAMES_SHOWN_MAX])}" if names else "there is none"
        advice = f"did you mean {near[0]}?" if near else "name another one, or another namespace with -n"
        raise NotFound(f"there is no {KIND} {self.namespace}/{name} ({there} in this namespace)", advice)

    async def edit(self, name: str, change: Callable[[Seen], Object | None]) -> tuple[Seen, bool]:
        """`change` looks at the resource and returns what of the spec is to be other, or None. Says whether anything was.

        A merge patch with the version that was looked at: refused by the API server when it is not the newest, and then looked at anew.
        """
        for attempt in range(EDITS_MAX):
            found = await self.get(name)
            wanted = change(found)
            if wanted is None:
                return found, False
            body = {"metadata": {"resourceVersion": found.item["metadata"]["resourceVersion"]}, "spec": wanted}
            try:
                return seen(await self.api.patch(KIND, self.namespace, name, body)), True
            except ApiFailure as failure:
                if failure.status != 409 or attempt == EDITS_MAX - 1:
                    raise
            await asyncio.sleep(POLL_S / 5)
        raise AssertionError("the loop ends with an answer or an error")

    async def wait(
        self, name: str, what: str, done: Callable[[Seen], bool], timeout_s: float, tell: Callable[[Seen], None] = lambda _: None
    ) -> Seen:
        """Looks until `done`; `tell` hears of each look. Raises `WaitedTooLong` with what the operator is waiting for."""
        begun = time.monotonic()
        while True:
            found = await self.get(name)
            tell(found)
            if done(found):
                return found
            if time.monotonic() - begun > timeout_s:
                raise WaitedTooLong(f"{what}: not within {timeout_s:g} s{_why(found)}", "see `kubectl quorate plan " + name + "`")
            await asyncio.sleep(POLL_S)


def _why(found: Seen) -> str:
    if not found.up_to_date:
        return "; the operator has not looked at the change yet: is it running? (`kubectl quorate doctor`)"
    items = [item.waits_for or item.why for item in found.status.plan]
    return f"; {items[-1]}" if items else ""


Work = Callable[[Clusters], Awaitable[Any]]
