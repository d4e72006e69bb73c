"""A small Kubernetes with a Raft group in it, as pure data: carries steps out, and goes on by itself between them."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from quorate_operator.api.spec import ConsensusClusterSpec
from quorate_operator.decide import actions
from quorate_operator.decide.quorum import majority
from quorate_operator.decide.world import (
    Answer,
    Authority,
    AuthorityCertificate,
    Certificate,
    Founding,
    Lag,
    Member,
    Membership,
    Pod,
    Volume,
    Workload,
    World,
)
from quorate_operator.objects.children import key
from quorate_operator.objects.container import CONTAINER
from quorate_operator.objects.identity import (
    DEFAULT_IMAGE_ANNOTATION,
    MEMBER_ID_ANNOTATION,
    RETIRED_ANNOTATION,
    TEMPLATE_VERSION_ANNOTATION,
)
from tests.unit.cluster_operator.resources import identity_of

IDENTITY = identity_of()
CLUSTER_ID = 77


class Refused(Exception):
    """As the API server or the node says no: what the step was decided on is not there any more."""


@dataclass
class Running:
    uid: str
    live: dict[str, Any]
    started: bool = False
    deleting: bool = False
    broken: bool = False
    """It never starts: an image that is not there."""


@dataclass
class Disk:
    uid: str
    size: str
    identity: int = 0
    """Member id in the data directory; 0: empty."""
    bound: int = 0
    owned: bool = False
    deleting: bool = False
    retired: bool = False


@dataclass
class Kubernetes:
    """The whole state; `tick` lets its controllers and members do what they do."""

    spec: ConsensusClusterSpec
    random: Random
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    pods: dict[int, Running] = field(default_factory=dict)
    disks: dict[int, Disk] = field(default_factory=dict)
    voters: dict[int, str] = field(default_factory=dict)
    learners: dict[int, str] = field(default_factory=dict)
    caught_up: set[int] = field(default_factory=set)
    leader: int = 0
    index: int = 0
    counter: int = 0
    authority: Authority | None = None
    certificates: dict[int, Certificate] = field(default_factory=dict)
    """By ordinal: the certificate on the volume, and whom its member trusts."""

    def fresh(self) -> int:
        self.counter += 1
        return self.counter

    @property
    def stateful_set(self) -> dict[str, Any] | None:
        return self.objects.get(("StatefulSet", IDENTITY.name))

    def up(self, member_id: int) -> bool:
        """Its process runs and takes part: also while its pod is being deleted it does not count."""
        return any(
            pod.started and not pod.deleting and ordinal in self.disks and self.disks[ordinal].identity == member_id
            for ordinal, pod in self.pods.items()
        )

    @property
    def quorum(self) -> bool:
        return bool(self.voters) and sum(self.up(member) for member in self.voters) >= majority(len(self.voters))

    def tick(self) -> None:
        """Some of what is due happens, in any order."""
        for act in self.random.sample([self._control, self._start, self._finish, self._elect, self._join, self._catch_up, self._trust], 7):
            act()

    def _control(self) -> None:
        found = self.stateful_set
        if found is None:
            return
        for ordinal in range(found["spec"]["replicas"]):
            if ordinal not in self.pods and self.random.random() < 0.8:
                size = found["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
                disk = self.disks.setdefault(ordinal, Disk(f"v{self.fresh()}", size))
                if disk.deleting:
                    continue
                self.pods[ordinal] = Running(f"p{self.fresh()}", copy.deepcopy(found["spec"]["template"]))
        for ordinal, pod in self.pods.items():
            if ordinal >= found["spec"]["replicas"]:
                pod.deleting = True

    def _start(self) -> None:
        for pod in self.pods.values():
            if self.random.random() < 0.7 and not pod.broken:
                pod.started = True

    def _finish(self) -> None:
        for ordinal in [ordinal for ordinal, pod in self.pods.items() if pod.deleting and self.random.random() < 0.7]:
            del self.pods[ordinal]
        for ordinal in [ordinal for ordinal, disk in self.disks.items() if disk.deleting and ordinal not in self.pods]:
            del self.disks[ordinal]

    def _elect(self) -> None:
        if not (self.leader in self.voters and self.up(self.leader) and self.quorum):
            up = sorted(member for member in self.voters if self.up(member))
            able = [member for member in up if member in self.caught_up] or up
            self.leader = self.random.choice(able) if self.quorum else 0
            self.caught_up |= {self.leader} - {0}

    def _join(self) -> None:
        for ordinal, pod in sorted(self.pods.items()):
            disk = self.disks[ordinal]
            if self.leader and pod.started and not pod.deleting and not disk.identity and self.random.random() < 0.7:
                disk.identity = 1000 + self.fresh()
                self.learners[disk.identity] = IDENTITY.pod(ordinal)
                self.index += 1

    def _catch_up(self) -> None:
        for member in [*self.voters, *self.learners]:
            if not self.up(member) and self.leader:
                # Others write on without it. Where nobody leads, nobody does.
                self.caught_up.discard(member)
            elif self.leader and self.random.random() < 0.7:
                self.caught_up.add(member)

    def _trust(self) -> None:
        """The kubelet brings a changed bundle, and the member asks for a certificate of the CA that signs; both in their own time."""
        bundle = self.objects.get(("ConfigMap", IDENTITY.trust_bundle), {}).get("data", {}).get("ca.crt", "").split()
        for ordinal, pod in self.pods.items():
            if not bundle or not pod.started or self.random.random() < 0.5:
                continue
            had = self.certificates.get(ordinal)
            old = had.authority if had is not None else ""
            signed = self.authority is not None and self.authority.signing.fingerprint == bundle[0] and self.random.random() < 0.7
            self.certificates[ordinal] = Certificate("", "", bundle[0] if signed else old, tuple(bundle))

    def _do_makeauthority(self, action: actions.MakeAuthority) -> None:
        self.authority = Authority(str(self.fresh()), self._new_authority(), rotated_for=action.rotated_for)

    def _new_authority(self) -> AuthorityCertificate:
        name = f"ca{self.fresh()}"
        return AuthorityCertificate(name, name)

    def _ours(self, version: str) -> Authority:
        if self.authority is None or self.authority.resource_version != version:
            raise Refused("the CA has changed")
        return self.authority

    def _do_trustnew(self, action: actions.TrustNew) -> None:
        found = self._ours(action.resource_version)
        self.authority = Authority(str(self.fresh()), found.signing, self._new_authority(), None, action.rotated_for)

    def _do_signnew(self, action: actions.SignNew) -> None:
        found = self._ours(action.resource_version)
        assert found.next is not None
        for ordinal, pod in self.pods.items():
            if pod.started:
                assert found.next.fingerprint in self.certificates[ordinal].trusted, "a member would not know who signed its peers"
        self.authority = Authority(str(self.fresh()), found.next, None, found.signing, found.rotated_for)

    def _do_dropold(self, action: actions.DropOld) -> None:
        found = self._ours(action.resource_version)
        for ordinal, pod in self.pods.items():
            if pod.started:
                assert self.certificates[ordinal].authority == found.signing.fingerprint, "a member would be shut out"
        self.authority = Authority(str(self.fresh()), found.signing, None, None, found.rotated_for)

    def observe(self) -> World:
        found = self.stateful_set
        names = {**self.voters, **self.learners}
        members = tuple(
            Member(member, name, member in self.voters, Lag.NONE if member in self.caught_up else Lag.LARGE)
            for member, name in sorted(names.items())
        )
        leading = self.leader and self.up(self.leader) and self.quorum
        founding = self.objects.get(("ConfigMap", IDENTITY.founding_record), {}).get("data")
        return World(
            IDENTITY,
            self.spec,
            children={name: item for name, item in self.objects.items() if name[0] != "StatefulSet"},
            workload=None if found is None else _workload(found),
            pods=tuple(self._pod(ordinal, pod) for ordinal, pod in sorted(self.pods.items())),
            volumes=tuple(
                Volume(
                    IDENTITY.claim(ordinal), disk.uid, ordinal, disk.size, disk.size, disk.owned, disk.bound, False, disk.deleting,
                    retired=disk.retired,
                )
                for ordinal, disk in sorted(self.disks.items())
            ),
            membership=Membership(self.index, self.leader, members) if leading else None,
            founding=Founding(founding["token"], founding["pod"], founding["volumeUid"]) if founding else None,
            recorded_cluster_id=self.objects.get(("ConfigMap", IDENTITY.cluster_record), {}).get("data", {}).get("clusterId", ""),
            authority=self.authority,
        )

    def _pod(self, ordinal: int, pod: Running) -> Pod:
        answer = None
        if pod.started:
            identity = self.disks[ordinal].identity
            role = "leader" if identity == self.leader else "learner" if identity in self.learners else "follower"
            role = role if identity else "uninitialised"
            answer = Answer(CLUSTER_ID if identity else 0, identity, role, 3, "0.1.0", 1, self.certificates.get(ordinal))
        return Pod(IDENTITY.pod(ordinal), pod.uid, ordinal, pod.live, pod.started, pod.deleting, "node", f"zone-{ordinal % 3}", "", answer)

    def carry_out(self, action: actions.Action) -> None:
        """As act/ does; raises `Refused` where Kubernetes or the node would."""
        getattr(self, f"_do_{type(action).__name__.lower()}")(action)

    def _do_apply(self, action: actions.Apply) -> None:
        item = copy.deepcopy(action.item)
        if item["kind"] == "PersistentVolumeClaim":
            disk = next((each for each in self.disks.values() if each.uid == item["metadata"]["uid"]), None)
            if disk is None:
                raise Refused("the claim is another one")
            disk.owned = bool(item["metadata"]["ownerReferences"])
            disk.size = item["spec"]["resources"]["requests"]["storage"]
            disk.bound = int(item["metadata"].get("annotations", {}).get(MEMBER_ID_ANNOTATION, 0))
            disk.retired = RETIRED_ANNOTATION in item["metadata"].get("annotations", {})
            return
        there = self.objects.get(key(item))
        item["metadata"]["uid"] = there["metadata"]["uid"] if there else f"o{self.fresh()}"
        self.objects[key(item)] = item

    def _do_create(self, action: actions.Create) -> None:
        self.objects.setdefault(key(action.item), copy.deepcopy(action.item))

    def _do_delete(self, action: actions.Delete) -> None:
        self._same(self.objects.get((action.kind, action.name)), action.uid)
        del self.objects[action.kind, action.name]

    def _do_scale(self, action: actions.Scale) -> None:
        self._same(self.stateful_set, action.uid)["spec"]["replicas"] = action.replicas

    def _do_recreate(self, action: actions.Recreate) -> None:
        self._same(self.stateful_set, action.uid)
        del self.objects["StatefulSet", IDENTITY.name]

    @staticmethod
    def _same(item: dict[str, Any] | None, uid: str) -> dict[str, Any]:
        if item is None or item["metadata"]["uid"] != uid:
            raise Refused("it is another one")
        return item

    def _do_found(self, action: actions.Found) -> None:
        ordinal = IDENTITY.ordinal(action.pod)
        assert ordinal is not None
        if not self.pods[ordinal].started or self.disks[ordinal].identity or self.voters:
            raise Refused("founded already, or not there")
        self.disks[ordinal].identity = 1000 + self.fresh()
        self.voters[self.disks[ordinal].identity] = action.pod
        self.caught_up.add(self.disks[ordinal].identity)

    def _vote(self, index: int) -> None:
        if index != self.index or not self.leader or not self.quorum:
            raise Refused("ConfigurationChanged or NoLeader")
        self.index += 1

    def _do_promote(self, action: actions.Promote) -> None:
        self._vote(action.configuration_index)
        self.voters[action.member_id] = self.learners.pop(action.member_id)

    def _do_remove(self, action: actions.Remove) -> None:
        self._vote(action.configuration_index)
        self.voters.pop(action.member_id, None)
        self.learners.pop(action.member_id, None)

    def _do_transfer(self, action: actions.Transfer) -> None:
        if not (action.to in self.voters and self.up(action.to) and action.to in self.caught_up and self.quorum):
            raise Refused("MemberNotReady")
        self.leader = action.to

    def _pod_of_uid(self, uid: str) -> Running:
        found = next((pod for pod in self.pods.values() if pod.uid == uid), None)
        if found is None:
            raise Refused("the pod is another one")
        return found

    def _do_evict(self, action: actions.Evict) -> None:
        self._pod_of_uid(action.uid).deleting = True

    def _do_deletevolume(self, action: actions.DeleteVolume) -> None:
        disk = next((each for each in self.disks.values() if each.uid == action.uid), None)
        if disk is None:
            raise Refused("the claim is another one")
        disk.deleting = True

    def _container(self, uid: str) -> tuple[Running, dict[str, Any]]:
        pod = self._pod_of_uid(uid)
        containers = [*pod.live["spec"].get("initContainers", []), *pod.live["spec"]["containers"]]
        return pod, next(each for each in containers if each["name"] == CONTAINER)

    def _do_setimage(self, action: actions.SetImage) -> None:
        pod, container = self._container(action.uid)
        container["image"], pod.started = action.image, False

    def _do_resize(self, action: actions.Resize) -> None:
        self._container(action.uid)[1]["resources"] = copy.deepcopy(action.resources)


def _workload(found: dict[str, Any]) -> Workload:
    notes = found["metadata"]["annotations"]
    size = found["spec"]["volumeClaimTemplates"][0]["spec"]["resources"]["requests"]["storage"]
    return Workload(
        found["metadata"]["uid"], "1", found["spec"]["replicas"], found["spec"]["template"], size,
        int(notes[TEMPLATE_VERSION_ANNOTATION]), notes[DEFAULT_IMAGE_ANNOTATION],
    )  # fmt: skip
