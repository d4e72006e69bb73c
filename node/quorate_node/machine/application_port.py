"""Where the machine meets the application's own state machine. The application host implements it; by default there is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from quorate.wire.results import ApplicationResult, Result


class Pending:
    """A result that comes later: `apply` returns it in a result's place, and the caller registers for the result.

    Callbacks run on the loop's thread, each once, at `resolve` or at once when it is already there.
    """

    __slots__ = ("_callbacks", "_result")

    def __init__(self) -> None:
        self._callbacks: list[Callable[[Result], None]] = []
        self._result: Result | None = None

    @property
    def result(self) -> Result | None:
        return self._result

    def set_callback(self, callback: Callable[[Result], None]) -> None:
        """Several may be set: a retried command waits for the same result."""
        if self._result is None:
            self._callbacks.append(callback)
        else:
            callback(self._result)

    def resolve(self, result: Result) -> None:
        assert self._result is None, "a pending result is resolved once"
        self._result = result
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(result)


class ApplicationPort(Protocol):
    """Called in log order, each command once for each time the log is applied, always after the state's write succeeded.

    Commands reach it from the APPLICATION_VERSION entry on that registers a machine; before, they are the bare ordered log.

    The host keeps its own applied index: after a restart the machine may apply entries again that the host has already seen (or
    the other way round), so the host ignores (index, position) at or below its own.
    """

    def version(self) -> tuple[str, int] | None:
        """(name, version) of the machine this member can run, for who proposes its registration; None: none."""
        ...

    def submit(self, index: int, position: int, log_time_ms: int, payload: bytes) -> Result | Pending:
        """`payload`: the bytes of the command at `position` (from 0) of entry `index`, as the application proposed them."""
        ...

    def register(self, index: int, name: str, version: int) -> None:
        """From `index` on every member runs this machine. Raises `ApplicationFailed` when this member cannot."""
        ...

    def reply(self, index: int, position: int) -> Result | Pending | None:
        """The reply of a command that was submitted before, for a session's retry; None when it is not kept any more."""
        ...


class NoApplication:
    """The bare ordered log: the result names the index, and applications follow the `apply` stream."""

    def version(self) -> tuple[str, int] | None:
        return None

    def submit(self, index: int, position: int, log_time_ms: int, payload: bytes) -> Result:
        return ApplicationResult(index, b"")

    def register(self, index: int, name: str, version: int) -> None:
        """Nothing runs here: a sidecar that follows the ordered log runs the machine itself."""

    def reply(self, index: int, position: int) -> Result | None:
        return ApplicationResult(index, b"")
