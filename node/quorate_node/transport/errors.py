"""The peer's faults and refusals. Misuse by ourselves is a `ValueError`, an `AssertionError`, never one of these."""

from __future__ import annotations


class PeerFault(Exception):
    """The peer broke the protocol; its connection is closed. `evidence` is what it sent, shortened."""

    def __init__(self, message: str, evidence: bytes | bytearray | memoryview = b"") -> None:
        super().__init__(message)
        self.evidence = bytes(evidence[:64])
        self.sealed = False
        """It came sealed: nothing of it goes back in the clear."""

    @property
    def told(self) -> str:
        """What the peer is told, in a close frame."""
        return "what was in a sealed frame breaks the protocol: the log of the member that closed says how" if self.sealed else str(self)

    def __str__(self) -> str:
        text = str(self.args[0])
        return f"{text} (began with {self.evidence.hex()})" if self.evidence else text


class HandshakeRefused(Exception):
    """One side judged the other's handshake and said no. The text is sent to the peer in the close frame."""


class PeerRemoved(HandshakeRefused):
    """The peer was removed from the cluster."""


class RemovedHere(HandshakeRefused):
    """The peer says that this member was."""


class NotReady(Exception):
    """This member, or the peer, belongs to no cluster yet: nobody's fault, and to be tried again soon."""


class NotSealed(Exception):
    """A frame of ours could not be sealed; it was not sent."""


class OversizeFrame(ValueError):
    """A frame of ours is over `frame_bytes_max`; it was not sent."""
