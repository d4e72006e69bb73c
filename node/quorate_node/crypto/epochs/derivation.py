"""Every key derivation of the group context: HKDF-Expand with SHA-256 (RFC 5869 section 2.3), one label for each purpose.

    chain(0)       = Expand(exporter, "chain"      | suite | group id | epoch | sender | receiver)
    chain(n+1)     = Expand(chain(n), "step"       | n)
    connection(n)  = Expand(chain(n), "connection" | n | dialler | acceptor | dialler's random | acceptor's random)

The exporter's output is a uniformly random key already, so that HKDF-Extract would add nothing (RFC 5869 section 3.3). A chain is of one
direction of one link. Its key is overwritten by the next one, from which it cannot be computed; a connection's key of a step can be
computed only while the chain is at that step.
"""

from __future__ import annotations

from struct import Struct

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from quorate_node.crypto.mls.secret import Secret

SUITE = 1
"""HKDF-SHA256 and AES-256-GCM with a tag of 16 bytes. Another one gets another number, here and in every label and header."""
SECRET_BYTES = 32
RANDOM_BYTES = 32
_LABEL = b"quorate group keys 1 "
_CHAIN = _LABEL + b"chain"
_STEP = _LABEL + b"step"
_CONNECTION = _LABEL + b"connection"
_GROUP = Struct(">BH")
_LINK = Struct(">QQQ")
_NUMBER = Struct(">I")
_ENDS = Struct(">QQ")
_SHA256 = SHA256()
_ZEROS = bytes(SECRET_BYTES)


def expand(key: Secret, info: bytes) -> Secret:
    """32 bytes. OpenSSL writes them into the new secret's own buffer: no copy is made that could not be erased."""
    output = Secret(_ZEROS)
    HKDFExpand(_SHA256, SECRET_BYTES, info).derive_into(key.buffer(), output.buffer())
    return output


def first_chain_key(exporter: Secret, group_id: bytes, epoch: int, sender: int, receiver: int) -> Secret:
    """The key at step 0 of the chain from `sender` to `receiver`."""
    info = b"".join((_CHAIN, _GROUP.pack(SUITE, len(group_id)), group_id, _LINK.pack(epoch, sender, receiver)))
    return expand(exporter, info)


def next_chain_key(chain_key: Secret, step: int) -> Secret:
    """The key at `step + 1` from that at `step`. The caller erases the old one."""
    return expand(chain_key, _STEP + _NUMBER.pack(step))


def connection_context(dialler: int, acceptor: int, dialler_random: bytes, acceptor_random: bytes) -> bytes:
    """What both ends of a connection know of it, and no other connection has: fixed lengths, so that nothing is ambiguous."""
    return _ENDS.pack(dialler, acceptor) + dialler_random + acceptor_random


def connection_key(chain_key: Secret, step: int, context: bytes) -> Secret:
    """The AES-256 key of one connection at one step, in the chain's direction."""
    return expand(chain_key, _CONNECTION + _NUMBER.pack(step) + context)
