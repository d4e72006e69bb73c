"""One turn for one cluster: look, decide, do what is due, say how it stands. It never matters what woke it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ssl import SSLContext

from quorate_operator.act.carry_out import Hands
from quorate_operator.act.events import Events
from quorate_operator.act.status import StatusWriter, previous_of
from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.api.status import ConsensusClusterStatus
from quorate_operator.clients.errors import ApiFailure, ApiUnreachable, Failure, MemberFailure
from quorate_operator.clients.kubernetes_api import KubernetesApi
from quorate_operator.clients.members import MemberApi
from quorate_operator.crash import crash_points
from quorate_operator.decide.actions import Apply, Create, Deny, Sign
from quorate_operator.decide.order import Decided, Decision, decide
from quorate_operator.decide.outcome import Do, Wait
from quorate_operator.decide.status import status, unseen
from quorate_operator.decide.steps.non_voting import podless
from quorate_operator.decide.world import World
from quorate_operator.issuing.issuer import Issuer
from quorate_operator.objects.identity import ClusterKey, Identity, Object
from quorate_operator.observe.absences import Absences
from quorate_operator.observe.answers import Changing
from quorate_operator.observe.listing import REQUESTS, Listed, Listing
from quorate_operator.observe.resource import read_spec
from quorate_operator.observe.world import Defaults, identity_of, observe, with_child, without_request
from quorate_operator.telling import tell, tell_condition, tell_missing, tell_unknown

ACTIONS_PER_TURN_MAX = 64
"""Children that may be made, and requests answered, on one look. Each is put into the world as the API server answered, and all is decided
anew."""
log = logging.getLogger("quorate_operator.reconcile")

TlsOf = Callable[[ConsensusClusterSpec, Identity], Awaitable[SSLContext | None]]


@dataclass(frozen=True)
class Turn:
    """What came of it. `again_s`: when to look again though nobody wakes us; None: when the tick comes."""

    gone: bool = False
    settled: bool = False
    acted: bool = False
    again_s: float | None = None
    failure: Failure | None = None
    plan: tuple[Decided, ...] = ()

    @property
    def result(self) -> str:
        """In one word, for metrics."""
        if self.failure is not None or self.gone:
            return "failed" if self.failure is not None else "gone"
        return "acted" if self.acted else "settled" if self.settled else "waits"


@dataclass
class Reconciler:
    """Of all clusters; a cluster's turns follow one another. Raises nothing of what the API server or a member may say."""

    kubernetes: KubernetesApi
    members: MemberApi
    listing: Listing
    defaults: Defaults
    events: Events
    tls_of: TlsOf
    issuer: Issuer
    absences: Absences = field(default_factory=Absences)
    _writers: dict[ClusterKey, StatusWriter] = field(default_factory=dict)
    _unknown: dict[ClusterKey, tuple[str, ...]] = field(default_factory=dict)
    """Fields of a newer release, as told last."""

    async def turn(self, key: ClusterKey, may_act: Callable[[], bool]) -> Turn:
        """`may_act` is asked before everything that changes something: the lease may be lost at any moment."""
        try:
            listed = await self.listing.look()
        except Failure as failure:
            return Turn(failure=failure)
        resource = listed.resources.get(key)
        if resource is None:
            self._writers.pop(key, None)
            self._unknown.pop(key, None)
            return Turn(gone=True)
        try:
            spec, unknown = read_spec(resource)
            identity = identity_of(resource, self.defaults)
            if may_act() and unknown != self._unknown.get(key, ()):
                self._unknown[key] = unknown
                await tell_unknown(self.events, identity, unknown)
            tls, authority = await self.tls_of(spec, identity), None
            if spec.tls.mode == "Operator" and REQUESTS not in listed.missing_kinds:
                look = await self.issuer.look(identity)
                tls, authority = look.tls, look.authority
            world = await observe(self.kubernetes, self.members, listed, resource, self.defaults, tls, authority)
            gone, grace_s = (member.member_id for member in podless(world)), spec.injection.remove_after_seconds
            world = replace(world, overdue=self.absences.overdue(identity.uid, gone, grace_s))
        except (ApiUnreachable, Changing) as failure:
            return Turn(failure=failure)
        except Failure as failure:
            # What passes by itself is nobody's concern; a right that is missing does not.
            if isinstance(failure, ApiFailure) and (failure.overtaken or failure.busy):
                return Turn(failure=failure)
            return await self._cannot_look(resource, failure) if may_act() else Turn(failure=failure)
        world, decision, acted, refused = await self._act(world, tls, may_act)
        if refused is not None and not (isinstance(refused, ApiFailure) and (refused.overtaken or refused.busy)):
            decision = _with_refusal(decision, refused)
        again_s = await self._report(world, decision, resource) if may_act() else None
        return Turn(settled=not decision.open, acted=acted, again_s=again_s, failure=refused, plan=decision.open)

    async def sweep(self, listed: Listed, may_act: Callable[[], bool]) -> None:
        """What no cluster's own turn sees: requests of nobody's account, CAs of clusters that are gone. Raises `Failure`."""
        if self.listing.namespaces:
            return
        for item in listed.requests.get(None, ()):
            if may_act():
                await self.issuer.deny_stranger(item)
        if may_act():
            await self.issuer.collect(item["metadata"]["uid"] for item in listed.resources.values())

    async def _act(self, world: World, tls: SSLContext | None, may_act: Callable[[], bool]) -> tuple[World, Decision, bool, Failure | None]:
        """Does what is due; after a child or a request, what is due then. Anything else changes what must be looked at."""
        acted = False
        for _ in range(ACTIONS_PER_TURN_MAX):
            decision = decide(world)
            if decision.due is None or not may_act():
                return world, decision, acted, None
            outcome = decision.due.outcome
            assert isinstance(outcome, Do)
            crash_points(decision.due.places("before"))
            try:
                live = await Hands(self.kubernetes, self.members, world, self.issuer, tls).carry_out(outcome.action)
            except Failure as failure:
                log.info("%s: %s was refused: %s", _named(world), decision.due.step, failure)
                return world, decision, acted, failure
            crash_points(decision.due.places("after"))
            acted = True
            log.info("%s: %s: %s (%s)", _named(world), decision.due.step, outcome.message, type(outcome.action).__name__)
            await tell(self.events, world, decision.due)
            if isinstance(outcome.action, Sign | Deny):
                # Of what else is known nothing has changed: a hundred requests that are denied cost one look.
                world = without_request(world, outcome.action.request)
            elif live is not None and isinstance(outcome.action, Apply | Create):
                world = with_child(world, live)
            else:
                return world, decision, acted, None
        return world, decide(world), acted, None

    async def _report(self, world: World, decision: Decision, resource: Object) -> float | None:
        """Seconds until the status may be written, when it is too early now."""
        wanted = status(world, decision, previous_of(resource.get("status") or {}), _now())
        return await self._write(world.identity, resource, wanted)

    async def _cannot_look(self, resource: Object, failure: Failure) -> Turn:
        """A resource that cannot be read, or whose Secret is missing: said where its owner looks."""
        identity = identity_of(resource, self.defaults)
        log.warning("%s/%s: %s", identity.namespace, identity.name, failure)
        generation = resource["metadata"].get("generation", 1)
        wanted = unseen(previous_of(resource.get("status") or {}), generation, failure.reason, str(failure), _now())
        return Turn(again_s=await self._write(identity, resource, wanted), failure=failure)

    async def _write(self, identity: Identity, resource: Object, wanted: ConsensusClusterStatus) -> float | None:
        writer = self._writers.setdefault((identity.namespace, identity.name), StatusWriter())
        try:
            wait_s = await writer.write(self.kubernetes, identity, resource.get("status") or {}, wanted)
        except Failure as failure:
            log.info("%s/%s: the status could not be written: %s", identity.namespace, identity.name, failure)
            return None
        if wait_s:
            return wait_s
        previous = previous_of(resource.get("status") or {})
        await tell_condition(self.events, identity, previous, wanted)
        await tell_missing(self.events, identity, previous, wanted)
        return None


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _with_refusal(decision: Decision, failure: Failure) -> Decision:
    """What was due and could not be done is waited for, and a person should know."""
    step = decision.due.step if decision.due is not None else "observation"
    # A member that says no, or nothing, is asked again in a moment; what the API server refuses, a person has to see to.
    refused = Decided(step, Wait(failure.reason, str(failure), degraded=not isinstance(failure, MemberFailure)))
    kept = decision.open[:-1] if decision.due is not None else decision.open
    return replace(decision, due=None, open=(*kept, refused))


def _named(world: World) -> str:
    return f"{world.identity.namespace}/{world.identity.name}"
