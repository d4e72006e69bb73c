"""Random lives of groups, from a seed: proposals and commits of every kind, comers, leavers, lost members, application messages.

After each step all members agree, and nobody who was removed has what they have. A long life, by hand:
`python -m tests.unit.crypto.mls.group.random_lives --members 100 --operations 1000 --seed 1`.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.errors import EpochError, MlsError, RemovedFromGroup
from quorate_node.crypto.mls.extension import Extension, ExtensionType
from quorate_node.crypto.mls.external_senders import ExternalSender, ExternalSenders
from quorate_node.crypto.mls.framing.content import ApplicationData
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.sender import Sender, SenderType
from quorate_node.crypto.mls.group.commit_check import check_commit
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.commit_open import open_commit, process_commit
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.external_join import ExternalJoinOptions, join_externally
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import (
    GroupMessage,
    SendOptions,
    open_message,
    propose,
    propose_from_outside,
    propose_update,
    receive_proposal,
    send_application,
)
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage
from quorate_node.crypto.mls.group.psk_store import PskStore
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.proposals import Add, GroupContextExtensions, PreSharedKey, Proposal, Remove
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId, PskName, ResumptionPsk, ResumptionUsage
from quorate_node.crypto.mls.suites import Suite
from tests.unit.crypto.mls.clients import SUITE
from tests.unit.crypto.mls.group.lives import package_of, sent

WITNESSES = 3
"""So many members receive a commit whole; the others take over its public half, which is the same for all."""


class RandomLife:
    """`views`: what each member sees, by name; `removed`: the last views of those who were, newest last.

    `waiting`: key packages that were proposed and not yet welcomed, by init key.
    """

    def __init__(self, seed: int, members_max: int, suite: Suite = SUITE) -> None:
        self.draw = random.Random(seed)
        self.suite, self.members_max = suite, members_max
        self.counted: Counter[str] = Counter()
        self.psks = PskStore(past_epochs_max=3)
        self.psks.set_external(b"shared", b"key")
        self.outsider = package_of("operator", suite)
        sender = ExternalSender(self.outsider.signer.public, BasicCredential(b"operator"))
        self.senders = Extension(ExtensionType.EXTERNAL_SENDERS, encode(ExternalSenders((sender,))))
        own = self._package()
        leaf_node, private = own.package.leaf_node, own.leaf_private.buffer()
        group = create_group(suite, b"life", leaf_node, private, own.signer, self.draw.randbytes, (self.senders,))
        self.psks.remember_epoch(group.group_id, group.epoch, group.resumption_psk.buffer())
        self.views: dict[str, Group] = {self._name(own): group}
        self.waiting: dict[bytes, OwnKeyPackage] = {}
        self.removed: list[Group] = []
        self.commits: list[GroupMessage] = []

    def run(self, operations: int) -> None:
        """So many steps, each of a kind drawn by weight."""
        steps: list[tuple[int, Callable[[], None]]] = [
            (4, self.propose_something),
            (3, self.propose_update),
            (1, self.propose_from_outside),
            (6, self.commit),
            (1, self.come),
            (1, self.come_back),
            (3, self.say),
            (1, self.replay),
        ]
        for _ in range(operations):
            (step,) = self.draw.choices([step for _, step in steps], [weight for weight, _ in steps])
            step()
            self.counted[step.__name__] += 1
            self.check()

    # Steps.

    def propose_something(self) -> None:
        name = self._anybody()
        group = self.views[name]
        others = [leaf for leaf, _ in group.tree.members() if leaf != group.own_leaf]
        kind = self.draw.randrange(5)
        proposal: Proposal
        if kind == 0 and others:
            proposal = Remove(self.draw.choice(others))
        elif kind == 1:
            proposal = PreSharedKey(PreSharedKeyId.fresh(self.suite, self._psk_name(), self.draw.randbytes))
        elif kind == 2:
            extension = Extension(0xFF01, self.draw.randbytes(2))
            proposal = GroupContextExtensions((self.senders, extension))
        else:
            proposal = self._add()
        message, waiting = propose(group, proposal, self.draw.randbytes, None, self._send_options())
        self._spread(message, {name: waiting})

    def propose_update(self) -> None:
        name = self._anybody()
        message, waiting = propose_update(self.views[name], self.draw.randbytes, options=self._send_options())
        self._spread(message, {name: waiting})

    def propose_from_outside(self) -> None:
        group = self.views[self._anybody()]
        if self.draw.random() < 0.5:
            sender, key, proposal = Sender.external(0), self.outsider.signer, self._add()
        else:
            own = self._package()
            self._keep(own)
            sender, key, proposal = Sender(SenderType.NEW_MEMBER_PROPOSAL), own.signer, Add(own.package)
        self._spread(propose_from_outside(self.suite, group.group_id, group.epoch, sender, proposal, key), {})

    def commit(self) -> None:
        name = self._anybody()
        group = self.views[name]
        added = [self._add() for _ in range(self.draw.randrange(3))]
        options = CommitOptions(self._send_options(), self.draw.random() < 0.8, tree_in_welcome=self.draw.random() < 0.5)
        created = create_commit(group, added, self.draw.randbytes, self.psks.find, None, options)
        packages = {self._name(own): own for own in self.waiting.values()}
        self._deliver(created.message, name, created.group)
        if created.welcome is None:
            return
        tree = None if options.tree_in_welcome else created.group.tree
        for comer, package in packages.items():
            reference = package.package.reference(self.suite)
            if created.welcome.secrets_for(reference) is not None:
                self.views[comer] = join_group(sent(created.welcome), package, self.psks.find, tree)
                del self.waiting[package.package.init_key]

    def come(self) -> None:
        if len(self.views) < self.members_max:
            self._come(self._package(), None)

    def come_back(self) -> None:
        """A member that has lost its epoch: it removes its old leaf, and signs with a key of its own choice."""
        name = self._anybody()
        leaf = self.views[name].own_leaf
        if len(self.views) > 1:
            lost = self.views.pop(name)
            self._come(self._package(), leaf)
            self.removed.append(lost)

    def say(self) -> None:
        """Application data: all read it, once; the removed read nothing, whatever epoch they are made to believe in."""
        name = self._anybody()
        group = self.views[name]
        if group.proposals:
            return
        text = self.draw.randbytes(self.draw.randrange(40))
        message = sent(send_application(group, text, self.draw.randbytes, SendOptions(padding_to=16)))
        assert isinstance(message, PrivateMessage)
        for other, view in self.views.items():
            if other != name:
                opened = open_message(view, message)
                assert opened.content.body == ApplicationData(text)
                assert opened.content.sender == Sender.member(group.own_leaf)
                self._refused(view, message)
        for view in self.removed[-3:]:
            self._refused(view, message)
            self._refused(view, replace(message, epoch=view.epoch))

    def replay(self) -> None:
        """Old commits come again: nobody takes them."""
        if self.commits:
            message = self.draw.choice(self.commits)
            for view in self.views.values():
                try:
                    open_message(view, message)
                except EpochError:
                    continue
                raise AssertionError("a commit of a past epoch was opened")

    # What all of them need.

    def check(self) -> None:
        """All are in one epoch, and each has the keys that belong to its place in the tree; no removed one has its secrets."""
        agreed = {(view.epoch_authenticator, view.public.encoded_context) for view in self.views.values()}
        assert len(agreed) == 1, f"{len(agreed)} views of one group"
        for view in self.draw.sample(list(self.views.values()), min(3, len(self.views))):
            view.private.check(view.tree)
        ((authenticator, _),) = agreed
        assert all(view.epoch_authenticator != authenticator for view in self.removed[-5:])

    def _come(self, own: OwnKeyPackage, remove: int | None) -> None:
        info = sent(self.views[self._anybody()].group_info(with_tree=True, with_external_pub=True))
        psks = (PreSharedKeyId.fresh(self.suite, ExternalPsk(b"shared"), self.draw.randbytes),) if self.draw.random() < 0.3 else ()
        options = ExternalJoinOptions(remove, psks)
        joined = join_externally(info, own.package.leaf_node, own.signer, self.draw.randbytes, None, self.psks.find, options)
        self._deliver(joined.message, self._name(own), joined.group)

    def _spread(self, message: GroupMessage, makers: dict[str, Group]) -> None:
        """Everybody but its maker receives a proposal."""
        for name, view in self.views.items():
            self.views[name] = makers.get(name) or receive_proposal(view, open_message(view, sent(message)))

    def _deliver(self, message: GroupMessage, maker: str, made: Group) -> None:
        """Everybody processes a commit. Who is not in the tree that it leads to must find that it was removed."""
        self.commits = [*self.commits[-4:], sent(message)]
        self.psks.remember_epoch(made.group_id, made.epoch, made.resumption_psk.buffer())
        before, self.views = self.views, {maker: made}
        witnesses = set(self.draw.sample(list(before), min(WITNESSES, len(before))))
        checked = None
        for name, view in before.items():
            if name == maker:
                view.erase()
                continue
            try:
                if name in witnesses or checked is None:
                    opened = open_message(view, sent(message))
                    checked = check_commit(view.public, opened, view.proposals, verified=True)
                    after = process_commit(view, opened, self.psks.find)
                else:
                    after = open_commit(view, checked, self.psks.find)
            except RemovedFromGroup:
                self.removed.append(view)
                continue
            assert made.tree.member(view.own_leaf).signature_key == after.signer.public
            view.erase()
            self.views[name] = after

    @staticmethod
    def _refused(view: Group, message: PrivateMessage) -> None:
        try:
            open_message(view, message)
        except MlsError:
            return
        raise AssertionError(f"leaf {view.own_leaf} of epoch {view.epoch} opened what it must not")

    def _keep(self, own: OwnKeyPackage) -> None:
        self.waiting[own.package.init_key] = own

    def _add(self) -> Proposal:
        """An Add of somebody new, or a PSK when the group is full."""
        if len(self.views) + len(self.waiting) >= self.members_max:
            return PreSharedKey(PreSharedKeyId.fresh(self.suite, ExternalPsk(b"shared"), self.draw.randbytes))
        own = self._package()
        self._keep(own)
        return Add(own.package)

    def _package(self) -> OwnKeyPackage:
        return package_of(f"client-{self.draw.getrandbits(64):x}", self.suite)

    @staticmethod
    def _name(own: OwnKeyPackage) -> str:
        credential = own.package.leaf_node.credential
        assert isinstance(credential, BasicCredential)
        return credential.identity.decode()

    def _anybody(self) -> str:
        return self.draw.choice(sorted(self.views))

    def _send_options(self) -> SendOptions:
        private, padding_to = self.draw.random() < 0.5, self.draw.choice((1, 64))
        return SendOptions(private, padding_to, authenticated_data=self.draw.randbytes(3))

    def _psk_name(self) -> PskName:
        group = self.views[self._anybody()]
        if self.draw.random() < 0.5:
            return ExternalPsk(b"shared")
        return ResumptionPsk(ResumptionUsage.APPLICATION, group.group_id, group.epoch)


def main() -> None:
    parser = argparse.ArgumentParser(description="One random life of a group; fails where members disagree")
    parser.add_argument("--members", type=int, default=100)
    parser.add_argument("--operations", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    life = RandomLife(arguments.seed, arguments.members)
    life.run(arguments.operations)
    group = next(iter(life.views.values()))
    print(f"epoch {group.epoch}, {len(life.views)} members, {len(life.removed)} removed, steps {dict(sorted(life.counted.items()))}")


if __name__ == "__main__":
    main()
