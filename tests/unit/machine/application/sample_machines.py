"""State machines that the tests run in real worker processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

from quorate.state_machine import Rejected, StateMachine


class Counter(StateMachine):
    """Adds; keeps a trace of every (index, step, log time) so that a command applied twice or never shows."""

    name = "counter"
    version = 1

    def __init__(self) -> None:
        self.total = 0
        self.trace: list[str] = []

    def apply(self, index: int, payload: bytes) -> bytes:
        if payload == b"trace":
            return ",".join(self.trace).encode()
        if payload == b"pid":
            return str(os.getpid()).encode()
        if payload == b"raise":
            raise ZeroDivisionError("nobody divides here")
        if payload == b"exit":
            raise SystemExit(3)
        if payload == b"text":
            return "not bytes"  # type: ignore[return-value]
        if payload.startswith(b"big "):
            return bytes(int(payload[4:]))
        if payload.startswith(b"sleep "):
            time.sleep(float(payload[6:]))
            return b"slept"
        if payload.startswith(b"die once "):
            marker = Path(payload[9:].decode())
            if not marker.exists():
                marker.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if payload.startswith(b"hang once "):
            marker = Path(payload[10:].decode())
            if not marker.exists():
                marker.touch()
                time.sleep(1_000)
        step = int(payload) if payload.isdigit() else 1
        if step > 1000:
            raise Rejected(f"{step} is over 1000")
        self.total += step
        self.trace.append(f"{index}:{step}:{self.log_time_ms}")
        return str(self.total).encode()

    def snapshot(self) -> Iterable[bytes]:
        yield str(self.total).encode()
        for line in self.trace:
            yield b"\n" + line.encode()

    def restore(self, chunks: Iterable[bytes]) -> None:
        total, *self.trace = b"".join(chunks).decode().split("\n")
        self.total = int(total)


class CounterTwo(Counter):
    version = 2


class Large(Counter):
    """A snapshot of many pieces and megabytes; its restore does not read to the end."""

    name = "large"

    def snapshot(self) -> Iterable[bytes]:
        yield str(self.total).encode().rjust(16)
        for number in range(5):
            yield bytes([number]) * 1_500_000

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.total = int(next(iter(chunks))[:16])


class BadRestore(Counter):
    name = "bad restore"

    def restore(self, chunks: Iterable[bytes]) -> None:
        raise LookupError("this snapshot is of another age")


class BadSnapshot(Counter):
    name = "bad snapshot"

    def snapshot(self) -> Iterable[bytes]:
        yield b"a"
        raise RuntimeError("no snapshot today")


class BadInit(Counter):
    def __init__(self) -> None:
        raise OSError("no configuration")


class NoName(StateMachine):
    version = 1

    def apply(self, index: int, payload: bytes) -> bytes:
        return b""

    def snapshot(self) -> Iterable[bytes]:
        return []

    def restore(self, chunks: Iterable[bytes]) -> None:
        assert b"".join(chunks) == b""


class NoVersion(NoName):
    name = "no version"
    version = "one"  # type: ignore[assignment]


class Empty(NoName):
    """A state without a byte."""

    name = "empty"


class NotAMachine:
    name = "x"
    version = 1


class HangsWithItsState(Counter):
    """Once at a snapshot, and once when it is restored: which of them was, files beside each other say."""

    def snapshot(self) -> Iterable[bytes]:
        _hang_once("at snapshot")
        yield from super().snapshot()

    def restore(self, chunks: Iterable[bytes]) -> None:
        _hang_once("at restore")
        super().restore(chunks)


def _hang_once(where: str) -> None:
    marker = Path(os.environ["HANGS"]) / where
    if not marker.exists():
        marker.touch()
        time.sleep(1_000)
