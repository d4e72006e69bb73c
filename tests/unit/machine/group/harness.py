"""Members with their private halves of the key group, and the machines that apply what they propose. Groups and messages are real."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from quorate.wire.commands import ClusterVersion, CommandKind, GroupCommit, GroupCreate, LeafKey
from quorate_node.crypto.mls.capabilities import Lifetime
from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.errors import RemovedFromGroup
from quorate_node.crypto.mls.framing.message import Message, MlsMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.commit_open import open_commit
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.external_join import ExternalJoinOptions, join_externally
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import propose_update, receive_proposal
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage, make_key_package
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.proposals import Add, Proposal, Remove
from quorate_node.crypto.mls.signatures import Signer
from quorate_node.crypto.mls.welcome_content import Welcome
from quorate_node.machine.group.events import GroupCommitted, GroupCreated, GroupEntryRefused, GroupEvent
from quorate_node.machine.group.messages import read_message
from quorate_node.machine.group.refusal import Reason
from quorate_node.machine.group.state import ReplicatedGroup
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.crypto.mls.clients import CAPABILITIES, SUITE, entropy_of
from tests.unit.machine.builders import Member, command

Change = tuple[Configuration, list[MemberRecord], Sequence[int]]

LONG_OVER = Lifetime(1_000, 2_000)
"""Apply reads no clock: it takes a key package of any age."""


def as_bytes(message: Message) -> bytes:
    return encode(MlsMessage(message))


def record(member_id: int) -> MemberRecord:
    return MemberRecord(member_id, f"m{member_id}", "p", "c")


class Cluster:
    """One machine, and the private halves of the members by id. What the machine tells of its group they follow."""

    def __init__(self, members: Sequence[int] = (), seed: str = "life", machine: Member | None = None) -> None:
        self.entropy = entropy_of(seed)
        self.member = machine or Member(MemoryStateStore(MemoryDisk(), "1"), digest_interval=1)
        self.views: dict[int, Group] = {}
        self.signers: dict[int, Signer] = {}
        self.pending: dict[bytes, tuple[int, Group]] = {}
        """Next epochs, each with the member that made and holds it, by GroupInfo."""
        self.packages: dict[int, OwnKeyPackage] = {}
        self.events: list[GroupEvent] = []
        self.changes: dict[int, Change] = {}
        self.listen()
        self.apply(command(ClusterVersion(2), kind=CommandKind.CLUSTER_VERSION))
        self.configure(put=members)

    @property
    def machine(self) -> KeyValueMachine:
        return self.member.machine

    @property
    def group(self) -> ReplicatedGroup:
        assert self.machine.group is not None
        return self.machine.group

    def listen(self) -> None:
        """To the machine that is there now."""
        self.machine.on_group(self._follow)

    def apply(self, *requests: Any) -> list[Any]:
        """One entry; its results."""
        kinds = {GroupCreate: CommandKind.GROUP_CREATE, GroupCommit: CommandKind.GROUP_COMMIT}
        commands = [command(each, kind=kinds[type(each)]) if type(each) in kinds else each for each in requests]
        return self.member.do(*commands)

    def one(self, request: Any) -> Any:
        return self.apply(request)[0]

    def configure(self, put: Sequence[int] = (), removed: Sequence[int] = ()) -> None:
        """A change of the configuration is applied."""
        ids = sorted({*self.machine.members, *put} - {*removed})
        entry = Entry(self.machine.applied_index + 1, 1, EntryType.MEMBERSHIP)
        self.changes[entry.index] = Configuration(voters=tuple(ids)), [record(member_id) for member_id in put], removed
        self.machine.apply_membership(entry, *self.changes[entry.index])
        self.member.log.append(entry)
        for member_id in removed:
            self.views.pop(member_id, None)

    def replay(self, machine: KeyValueMachine) -> None:
        """Another machine is given the rest of the log, entry by entry."""
        for entry in self.member.log[machine.applied_index :]:
            if entry.type == EntryType.MEMBERSHIP:
                machine.apply_membership(entry, *self.changes[entry.index])
            else:
                machine.apply([entry])

    # What members propose.

    def signer(self, member_id: int) -> Signer:
        if member_id not in self.signers:
            self.new_signer(member_id)
        return self.signers[member_id]

    def new_signer(self, member_id: int) -> Signer:
        """A signature key that nobody has seen."""
        self.signers[member_id] = SUITE.signer(SUITE.generate_signature_private(self.entropy))
        return self.signers[member_id]

    def package(self, member_id: int) -> OwnKeyPackage:
        credential = BasicCredential(str(member_id).encode())
        own = make_key_package(SUITE, credential, CAPABILITIES, LONG_OVER, self.signer(member_id), self.entropy)
        self.packages[member_id] = own
        return own

    def key(self, member_id: int) -> LeafKey:
        return LeafKey(member_id, self.signer(member_id).public)

    def create(self, *members: int, group_id: bytes = b"") -> GroupCreate:
        """A fresh group by the first of them."""
        maker = members[0]
        own = self.package(maker)
        group_id = group_id or self.entropy(32)
        group = create_group(SUITE, group_id, own.package.leaf_node, own.leaf_private.buffer(), own.signer, self.entropy)
        welcome = b""
        if len(members) > 1:
            adds = [Add(self.package(member_id).package) for member_id in members[1:]]
            created = create_commit(group, adds, self.entropy, options=CommitOptions(tree_in_welcome=False))
            assert created.welcome is not None
            group, welcome = created.group, as_bytes(created.welcome)
        after_index = self.machine.group.index if self.machine.group else 0
        info = self._hold(maker, group)
        keys = tuple(self.key(member_id) for member_id in members)
        return GroupCreate(after_index, info, encode(group.tree), welcome, keys)

    def _hold(self, maker: int, group: Group) -> bytes:
        info = as_bytes(group.group_info(with_tree=False, with_external_pub=True))
        self.pending[info] = maker, group
        return info

    def leaf(self, member_id: int) -> int:
        leaves = {owner: leaf for leaf, owner in self.group.leaves(self.machine.members).items()}
        return leaves[member_id]

    def commit(
        self,
        by: int,
        add: Sequence[int] = (),
        remove: Sequence[int] = (),
        updates: Sequence[int] = (),
        own: Sequence[Proposal] = (),
        options: CommitOptions | None = None,
    ) -> GroupCommit:
        """A commit by `by`; `remove`: leaf numbers; `updates`: members whose Updates go with it."""
        proposals, known = [], []
        for member_id in updates:
            message, self.views[member_id] = propose_update(self.views[member_id], self.entropy)
            assert isinstance(message, PublicMessage)
            self.views[by] = receive_proposal(self.views[by], message.authenticated())
            proposals.append(as_bytes(message))
        before = {leaf.signature_key for _, leaf in self.views[by].tree.members()}
        for member_id in add:
            own = (*own, Add(self.package(member_id).package))
            known.append(self.key(member_id))
        own = (*own, *(Remove(leaf) for leaf in remove))
        options = options or CommitOptions(tree_in_welcome=False)
        made = create_commit(self.views[by], own, self.entropy, options=options)
        info = self._hold(by, made.group)
        keys = [one for one in known if one.signature_key not in before]
        if options.signer is not None:
            keys.append(LeafKey(by, options.signer.public))
        public, welcome = self.views[by].public, b"" if made.welcome is None else as_bytes(made.welcome)
        return GroupCommit(public.group_id, public.epoch, as_bytes(made.message), info, tuple(proposals), welcome, tuple(keys))

    def rejoin(self, member_id: int, remove: int | None = None) -> GroupCommit:
        """An external commit: `member_id` comes by itself, and leaf `remove` goes."""
        public = self.group.public
        before = {leaf.signature_key for _, leaf in public.tree.members()}
        leaf_node = self.package(member_id).package.leaf_node
        options = ExternalJoinOptions(remove=remove)
        made = join_externally(self.group.group_info, leaf_node, self.signer(member_id), self.entropy, public.tree, options=options)
        info = self._hold(member_id, made.group)
        keys = tuple(one for one in [self.key(member_id)] if one.signature_key not in before)
        return GroupCommit(public.group_id, public.epoch, as_bytes(made.message), info, leaf_keys=keys)

    # What members make of what is applied.

    def _follow(self, event: GroupEvent) -> None:
        self.events.append(event)
        if isinstance(event, GroupCreated):
            self.views = {}
            self._welcome(event.request.welcome, event.after)
        elif isinstance(event, GroupCommitted):
            self._open(event)
            self._welcome(event.request.welcome, event.after)
        else:
            return
        maker, group = self.pending.pop(event.request.group_info)
        self.views[maker] = group
        self._agree(event.after)

    def _open(self, event: GroupCommitted) -> None:
        before, self.views = self.views, {}
        maker, _ = self.pending[event.request.group_info]
        for member_id, view in before.items():
            if member_id == maker:
                continue
            event.commit.unprotect(SUITE, view.secrets.membership_key.buffer(), view.public.encoded_context)
            try:
                self.views[member_id] = open_commit(view, event.checked)
            except RemovedFromGroup:
                continue

    def _welcome(self, data: bytes, after: ReplicatedGroup) -> None:
        if not data:
            return
        welcome = read_message("welcome", Welcome, data)
        for member_id, own in sorted(self.packages.items()):
            if welcome.secrets_for(own.package.reference(SUITE)) is not None:
                self.views[member_id] = join_group(welcome, own, tree=after.public.tree)

    def _agree(self, after: ReplicatedGroup) -> None:
        """All who are in it have the secrets of the replicated epoch."""
        public = after.public
        assert len({view.epoch_authenticator for view in self.views.values()}) == 1
        for member_id, view in self.views.items():
            assert view.public.encoded_context == public.encoded_context
            assert view.public.interim_transcript_hash == public.interim_transcript_hash
            assert after.leaves({member_id}) == {view.own_leaf: member_id}


def created(*members: int, **fields: Any) -> Cluster:
    """A cluster whose members have a group."""
    cluster = Cluster(members, **fields)
    result = cluster.one(cluster.create(*members))
    assert not hasattr(result, "error"), result
    return cluster


def twin_of(cluster: Cluster) -> KeyValueMachine:
    """Another machine with the same log."""
    twin = KeyValueMachine.open(MemoryStateStore(MemoryDisk(), "2"), digest_interval=1)
    cluster.replay(twin)
    return twin


def changed(request: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(request, **fields)


def check_refused(cluster: Cluster, request: Any, reason: Reason, text: str) -> None:
    """`request` is a result with that reason, is told of, and changes nothing but the applied index, on a second machine too."""
    before, events = cluster.machine.group, len(cluster.events)
    result = cluster.one(request)
    assert result.error == ("ConfigurationChanged" if reason is Reason.STALE else "InvalidArgument")
    assert f"group entry refused ({reason}): " in result.message
    assert text in result.message
    assert cluster.machine.group is before
    assert cluster.events[events:] == [GroupEntryRefused(request, cluster.machine.applied_index, reason, result.message)]
    assert twin_of(cluster).digests() == cluster.machine.digests()
