"""Damaged messages, from a seed: whatever arrives, a member, a joiner and an outsider answer with an `MlsError` or were told the truth.

Some are damaged on the way. Others come from a member that signs and tags what it damaged, so that they reach what lies behind the
signatures. A million, by hand: `python -m tests.unit.crypto.mls.group.mutations --cases 1000000 --seed 1`.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from quorate_node.crypto.mls.codec import Reader, Writer, decode, encode
from quorate_node.crypto.mls.commit_content import Commit
from quorate_node.crypto.mls.errors import MlsError
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.framing.content import ApplicationData, Body
from quorate_node.crypto.mls.framing.message import Message, MlsMessage
from quorate_node.crypto.mls.framing.private_message import PrivateMessage
from quorate_node.crypto.mls.framing.public_message import PublicMessage
from quorate_node.crypto.mls.group.commit_check import check_commit
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.commit_open import open_commit
from quorate_node.crypto.mls.group.group_view import view_group
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.group.messages import SendOptions, open_message, propose, protect, receive_proposal, send_application, sign
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_package import KeyPackage
from quorate_node.crypto.mls.key_schedule import member_secret, welcome_key, welcome_secret
from quorate_node.crypto.mls.labels import decrypt_with_label, encrypt_with_label
from quorate_node.crypto.mls.proposals import (
    Add,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    read_proposal,
    write_proposal,
)
from quorate_node.crypto.mls.psk import ExternalPsk, PreSharedKeyId
from quorate_node.crypto.mls.ratchet_tree import RatchetTree
from quorate_node.crypto.mls.welcome_content import GroupSecrets, Welcome
from tests.unit.crypto.mls.clients import LIFETIME, SUITE
from tests.unit.crypto.mls.group.lives import Life, package_of

PRIVATE = SendOptions(private=True)


class Mutations:
    """A group of four, what they send, and somebody who damages it. `counted`: cases by their kind and their end."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.counted: Counter[str] = Counter()
        life = Life.of(4)
        life.commit("member-1")
        self.psks = life.psks
        self.psks.set_external(b"shared", b"key")
        self.maker, self.receiver = life.founder, life.views["member-3"]
        self.comer = package_of("comer")
        psk = PreSharedKeyId(ExternalPsk(b"shared"), bytes(32))
        self.proposals: list[Proposal] = [
            Add(self.comer.package),
            Remove(2),
            PreSharedKey(psk),
            ReInit(b"next", 3, ()),
            GroupContextExtensions((Extension(0xFF01, b"x"),)),
        ]
        entropy = self.draw.randbytes
        created = [create_commit(self.maker, proposals, entropy, self.psks.find) for proposals in ((), self.proposals[:3])]
        assert created[1].welcome is not None
        self.welcome, self.info = created[1].welcome, created[1].group.group_info(with_tree=True, with_external_pub=True)
        self.bodies = [decode(Commit, encode(self._body(made.message))) for made in created]
        encrypted = create_commit(self.maker, (), entropy, options=CommitOptions(PRIVATE))
        self.sendings: list[Message] = [
            *(made.message for made in (*created, encrypted)),
            *(propose(self.maker, proposal, entropy)[0] for proposal in self.proposals),
            *(propose(self.maker, proposal, entropy, None, PRIVATE)[0] for proposal in self.proposals[:2]),
            send_application(self.maker, b"text", entropy),
            self.welcome,
            self.info,
            self.comer.package,
        ]
        self.tree = encode(created[1].group.tree)

    @staticmethod
    def _body(message: Any) -> Commit:
        body = message.content.body
        assert isinstance(body, Commit)
        return body

    def run(self, cases: int) -> None:
        kinds: tuple[Callable[[], None], ...] = (
            self.on_the_way,
            self.on_the_way,
            self.tree_out_of_band,
            self.commit_of_a_member,
            self.proposal_of_a_member,
            self.info_of_a_member,
            self.secrets_of_a_member,
        )
        for _ in range(cases):
            kind = self.draw.choice(kinds)
            try:
                kind()
                end = "accepted"
            except MlsError as error:
                end = type(error).__name__
            self.counted[f"{kind.__name__} {end}"] += 1

    # Damage.

    def damaged(self, data: bytes) -> bytes:
        """One to three changes, which may leave nothing as it was or everything."""
        changed = bytearray(data)
        for _ in range(self.draw.choice((1, 1, 1, 2, 3))):
            self._change(changed)
        return bytes(changed)

    def _change(self, data: bytearray) -> None:
        at = self.draw.randrange(len(data) + 1)
        kind = self.draw.randrange(11)
        if kind <= 5 and data:
            data[at % len(data)] ^= 1 << self.draw.randrange(8)
        elif kind == 6:
            del data[at:]
        elif kind == 7:
            data[at:at] = self.draw.randbytes(self.draw.randrange(1, 9))
        elif kind == 8:
            del data[at : at + self.draw.randrange(1, 9)]
        elif kind == 9:
            data[at : at + 4] = self.draw.choice((b"\x00", b"\x01", b"\x40\x01", b"\x80\x00\x40\x00", b"\xbf\xff\xff\xff", b"\xff" * 8))
        else:
            other = encode(MlsMessage(self.draw.choice(self.sendings)))
            start = self.draw.randrange(len(other))
            data[at : at + 64] = other[start : start + 64]

    # Cases. Each returns for what was rightly accepted and raises an `MlsError` for what was refused.

    def on_the_way(self) -> None:
        """Nobody who has no key changes a message, but for what is meant for others."""
        genuine = encode(MlsMessage(self.draw.choice(self.sendings)))
        data = self.damaged(genuine)
        if data == genuine:
            return
        message = decode(MlsMessage, data).message
        if isinstance(message, Welcome):
            self._join(message, changed_allowed=True)
            return
        if isinstance(message, PublicMessage | PrivateMessage):
            opened = open_message(self.receiver, message)
            assert not isinstance(message, PrivateMessage), "a damaged private message was opened"
            self._receive(opened)
        elif isinstance(message, GroupInfo):
            view_group(message, None)
        else:
            assert isinstance(message, KeyPackage)
            message.validate(LIFETIME.not_before)
        assert data in {encode(MlsMessage(one)) for one in self.sendings}, "a damaged message was taken for genuine"

    def tree_out_of_band(self) -> None:
        data = self.damaged(self.tree)
        reader = Reader(data)
        tree = RatchetTree.read(reader, SUITE)
        reader.end()
        bare = replace(self.info, extensions=()).signed(SUITE, self.maker.signer)
        view_group(bare, tree)
        assert data == self.tree, "another tree was taken for that of the group"

    def commit_of_a_member(self) -> None:
        """Signed and tagged by one who cannot know the tag that its damaged commit would need."""
        body = decode(Commit, self.damaged(encode(self.draw.choice(self.bodies))))
        options = SendOptions()
        signed = sign(self.maker, body, options).confirmed(self.draw.randbytes(32))
        self._receive(open_message(self.receiver, protect(self.maker, signed, options, self.draw.randbytes)))
        raise AssertionError("a commit that leads nowhere was taken")

    def proposal_of_a_member(self) -> None:
        writer = Writer()
        write_proposal(writer, self.draw.choice(self.proposals))
        reader = Reader(self.damaged(writer.data()))
        body: Body = read_proposal(reader)
        reader.end()
        options = SendOptions()
        message = protect(self.maker, sign(self.maker, body, options), options, self.draw.randbytes)
        receive_proposal(self.receiver, open_message(self.receiver, message), LIFETIME.not_before)

    def info_of_a_member(self) -> None:
        """Signed by a member of the group: what is accepted is what that member says, and its tree and context fit."""
        info = decode(GroupInfo, self.damaged(encode(self.info)))
        view_group(info.signed(SUITE, self.maker.signer), None)

    def secrets_of_a_member(self) -> None:
        """Sealed to the joiner by the committer itself."""
        reference = self.comer.package.reference(SUITE)
        sealed, info = self.welcome.secrets_for(reference), self.welcome.encrypted_group_info
        assert sealed is not None
        init = self.comer.init_private.buffer()
        plain = decrypt_with_label(SUITE, init, "Welcome", info, sealed)
        secrets = decode(GroupSecrets, self.damaged(plain))
        member = member_secret(SUITE, secrets.joiner_secret, bytes(32))
        key, nonce = welcome_key(SUITE, welcome_secret(SUITE, member.buffer()).buffer())
        info = SUITE.seal(key, nonce, b"", encode(self.info))
        resealed = encrypt_with_label(SUITE, self.comer.package.init_key, "Welcome", info, encode(secrets), self.draw.randbytes)
        (entry,) = self.welcome.secrets
        self._join(Welcome(SUITE.number, (replace(entry, encrypted_group_secrets=resealed),), info), changed_allowed=False)

    def _join(self, welcome: Welcome, *, changed_allowed: bool) -> None:
        group = join_group(welcome, self.comer, self.psks.find)
        assert changed_allowed, "a Welcome with other secrets was taken"
        assert encode(group.context) == encode(self.info.group_context)

    def _receive(self, opened: Any) -> None:
        body = opened.content.body
        assert not isinstance(body, ApplicationData), "application data is encrypted"
        if isinstance(body, Commit):
            open_commit(self.receiver, check_commit(self.receiver.public, opened, {}, verified=True), self.psks.find)
        else:
            receive_proposal(self.receiver, opened, LIFETIME.not_before)


def main() -> None:
    parser = argparse.ArgumentParser(description="Damaged messages; fails where one is taken, or answered with a foreign exception")
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    mutations = Mutations(arguments.seed)
    mutations.run(arguments.cases)
    for end, count in sorted(mutations.counted.items()):
        print(f"{count:8} {end}")


if __name__ == "__main__":
    main()
