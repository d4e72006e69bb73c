"""The Welcome to those whom a commit adds (section 12.4.3.1): one sealed GroupInfo for all, and to each the secrets that open it."""

from __future__ import annotations

from quorate_node.crypto.mls.codec import encode
from quorate_node.crypto.mls.entropy import Entropy
from quorate_node.crypto.mls.group.proposal_list import Applied
from quorate_node.crypto.mls.group_info import GroupInfo
from quorate_node.crypto.mls.key_schedule import welcome_key, welcome_secret
from quorate_node.crypto.mls.labels import encrypt_with_label
from quorate_node.crypto.mls.secret import Secret
from quorate_node.crypto.mls.treekem import DraftPath
from quorate_node.crypto.mls.welcome_content import EncryptedGroupSecrets, GroupSecrets, Welcome

LABEL = "Welcome"


def make_welcome(
    group_info: GroupInfo, applied: Applied, draft: DraftPath | None, joiner: Secret, member: Secret, entropy: Entropy
) -> Welcome:
    """`draft`: the commit's path, whose secrets the new members are told where they lie above them; None without one."""
    suite = applied.tree.suite
    welcome = welcome_secret(suite, member.buffer())
    key, nonce = welcome_key(suite, welcome.buffer())
    welcome.erase()
    sealed_info = suite.seal(key, nonce, b"", encode(group_info))
    secrets = []
    for leaf, package in applied.added:
        path_secret = None if draft is None else draft.path_secret_for(leaf).bytes()
        plaintext = encode(GroupSecrets(joiner.bytes(), path_secret, applied.psks))
        sealed = encrypt_with_label(suite, package.init_key, LABEL, sealed_info, plaintext, entropy)
        secrets.append(EncryptedGroupSecrets(package.reference(suite), sealed))
    return Welcome(suite.number, tuple(secrets), sealed_info)
