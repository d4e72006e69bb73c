"""Members of one group who send each other everything, as they would over a network: encoded and decoded."""

from __future__ import annotations

from typing import Any

from quorate_node.crypto.mls.capabilities import Capabilities
from quorate_node.crypto.mls.codec import decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.credential import BasicCredential
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.errors import RemovedFromGroup
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.framing.message import Message, MlsMessage
from quorate_node.crypto.mls.group.commit_create import CommitOptions, CreatedCommit, create_commit
from quorate_node.crypto.mls.group.commit_open import process_commit
from quorate_node.crypto.mls.group.creation import create_group
from quorate_node.crypto.mls.group.external_join import ExternalJoin, ExternalJoinOptions, join_externally
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import open_message, receive_proposal
from quorate_node.crypto.mls.group.own_key_package import OwnKeyPackage, make_key_package
from quorate_node.crypto.mls.group.psk_store import PskStore
from quorate_node.crypto.mls.group.state import Group
from quorate_node.crypto.mls.group_context import MLS10
from quorate_node.crypto.mls.proposals import Add, Proposal
from quorate_node.crypto.mls.suites import SUITES, Suite
from tests.unit.crypto.mls.clients import LIFETIME, SUITE, entropy_of

CAPABILITIES = Capabilities((MLS10,), tuple(SUITES), (0xFF01, 0xFF02), (), (1,))


def sent(message: Message) -> Any:
    """What arrives when `message` is sent."""
    return decode(MlsMessage, encode(MlsMessage(message))).message


def package_of(name: str, suite: Suite = SUITE, **fields: Any) -> OwnKeyPackage:
    """A client's key package with its private keys, always the same one for a name."""
    entropy = entropy_of(name)
    signer = suite.signer(suite.generate_signature_private(entropy))
    return make_key_package(suite, BasicCredential(name.encode()), CAPABILITIES, LIFETIME, signer, entropy, **fields)


class Life:
    """A group and its members' views by name. Every step is applied by all who are in it, and all must agree afterwards.

    `removed`: the last views of those who were. `tag`: groups with another one have other keys, though all are drawn from names.
    """

    def __init__(self, suite: Suite = SUITE, extensions: tuple[Extension, ...] = (), tag: str = "") -> None:
        own = package_of(f"{tag}founder", suite)
        self.suite = suite
        self.tag = tag
        self.entropy: Entropy = entropy_of(f"{tag}life")
        self.psks = PskStore(past_epochs_max=4)
        leaf_node, private = own.package.leaf_node, own.leaf_private.buffer()
        self.removed: dict[str, Group] = {}
        self.views = {"founder": create_group(suite, b"group", leaf_node, private, own.signer, self.entropy, extensions)}

    @classmethod
    def of(cls, members: int, suite: Suite = SUITE, **fields: Any) -> Life:
        """The founder and `member-1` ... `member-n`, who were added by one commit."""
        life = cls(suite, **fields)
        if members > 1:
            life.add("founder", *(f"member-{number}" for number in range(1, members)))
        return life

    @property
    def founder(self) -> Group:
        return self.views["founder"]

    def leaf_of(self, name: str) -> int:
        return self.views[name].own_leaf

    def commit(self, name: str, *own: Proposal, options: CommitOptions | None = None) -> CreatedCommit:
        """A commit by `name`, taken by all; those that it removes drop out."""
        created = create_commit(self.views[name], own, self.entropy, self.psks.find, None, options or CommitOptions())
        self.deliver(created.message, {name: created.group})
        return created

    def add(self, name: str, *comers: str, options: CommitOptions | None = None) -> CreatedCommit:
        """`comers` are added by `name` and join by its Welcome."""
        packages = {comer: package_of(f"{self.tag}{comer}", self.suite) for comer in comers}
        options = options or CommitOptions()
        created = self.commit(name, *(Add(own.package) for own in packages.values()), options=options)
        assert created.welcome is not None
        tree = None if options.tree_in_welcome else created.group.tree
        for comer, own in packages.items():
            self.views[comer] = join_group(sent(created.welcome), own, self.psks.find, tree)
        self.check()
        return created

    def propose(self, name: str, message: Message, waiting: Group) -> None:
        """A proposal that `name` made, received by all others."""
        self.views[name] = waiting
        for other, view in self.views.items():
            if other != name:
                self.views[other] = receive_proposal(view, open_message(view, sent(message)))

    def come(self, name: str, options: ExternalJoinOptions | None = None, **fields: Any) -> ExternalJoin:
        """`name` comes, or comes back, by an external commit on the founder's GroupInfo."""
        own = package_of(f"{self.tag}{name}", self.suite)
        info = sent(self.founder.group_info(with_tree=True, with_external_pub=True))
        leaf_node = own.package.leaf_node.changed(**fields)
        joined = join_externally(info, leaf_node, own.signer, self.entropy, None, self.psks.find, options or ExternalJoinOptions())
        self.views.pop(name, None)
        self.deliver(joined.message, {name: joined.group})
        return joined

    def deliver(self, message: Message, makers: dict[str, Group]) -> None:
        """Everybody but its maker, who has the next epoch already, processes a commit; then all must agree."""
        (made,) = makers.values()
        self.psks.remember_epoch(made.group_id, made.epoch, made.resumption_psk.buffer())
        after = dict(makers)
        for name, view in self.views.items():
            if name in makers:
                continue
            opened = open_message(view, sent(message))
            assert isinstance(opened.content.body, Commit)
            try:
                after[name] = process_commit(view, opened, self.psks.find)
            except RemovedFromGroup:
                self.removed[name] = view
        self.views = after
        self.check()

    def check(self) -> None:
        """All are in the same epoch, and each has the private keys that belong to the tree."""
        assert len({(view.epoch_authenticator, encode(view.context)) for view in self.views.values()}) == 1
        for view in self.views.values():
            view.private.check(view.tree)
