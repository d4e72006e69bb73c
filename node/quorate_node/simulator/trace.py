"""The running hash over everything that happens, and, when asked for, the events that a person would want to read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b

from quorate_node.protocol.message import Message
from quorate_node.simulator.diagram.recording import Recording


class Trace:
    """Two runs of a seed on one commit have the same hash, in any process: else something depends on what no seed decides."""

    def __init__(self, show: Callable[[str], None] | None = None, recording: Recording | None = None) -> None:
        self._hash = blake2b(digest_size=16)
        self._parts: list[bytes] = []
        self.step = self._parts.append
        """One callback of one process at one time, packed. Called for every one of them, so nothing is looked at here."""
        self._show = show
        self.recording = recording
        """Where a picture of the run is wanted."""
        self.has_audience = show is not None or recording is not None
        self.now_ns: Callable[[], int] = lambda: 0

    def event(self, what: str, *details: object) -> None:
        """Something of the world: a fault, a message's fate, an operation's end. Details must not carry addresses of objects."""
        text = f"{what} {' '.join(map(str, details))}"
        self._parts.append(text.encode())
        if self.has_audience:
            self._tell(text, what, details)

    def message(self, url: str, sender: int, frame: bytes, messages: Sequence[Message]) -> None:
        """What arrived at `url`. Its bytes are hashed; it is put into words for an audience alone, since nothing else comes as often."""
        self._parts.append(sender.to_bytes(8, "big") + frame)
        if self.has_audience:
            shown = ",".join([f"{m.sender & 0xFFFF:x}:{m.type}:{m.term}:{m.index}" for m in messages])
            self._tell(f"message {url} {shown}", "message", (url, shown))

    def _tell(self, text: str, what: str, details: tuple[object, ...]) -> None:
        if self._show is not None:
            self._show(f"{self.now_ns() / 1e9:12.6f} {text}")
        if self.recording is not None:
            self.recording.event(self.now_ns(), what, details)

    def flush(self) -> None:
        """Hash what has come. The loop calls it now and then."""
        self._hash.update(b"".join(self._parts))
        self._parts.clear()

    def digest(self) -> str:
        self.flush()
        return self._hash.hexdigest()
