"""The worker process: imports the user's class, and applies what the host sends, in order, until the host goes.

Run as `python -m quorate_node.machine.application.worker`; the host's end of the link is an inherited socket. One thread, blocking
calls: the user's code has the process to itself. What it prints goes to the member's error output.
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Iterator
from typing import Protocol

from quorate.state_machine import Rejected, StateMachine
from quorate_node.machine.application.frames import (
    LENGTH,
    PIECE_BYTES,
    Answer,
    Applied,
    Apply,
    Broken,
    Hello,
    Request,
    Restored,
    RestoreEnd,
    RestorePiece,
    SnapshotEnd,
    SnapshotPiece,
    Status,
    TakeSnapshot,
    decode_request,
    encode_frame,
    frame_length,
)

TRACEBACK_CHARACTERS_MAX = 16_384
NAME_CHARACTERS_MAX = 128
TELL_S = 0.1
"""Slow commands are answered so often: nobody waits for a batch's last one, and the host sees that the process lives."""


class HostGone(Exception):
    """The host closed the link, or died: nothing is left to do."""


class Frames(Protocol):
    """What a worker needs of whoever connects it with its host."""

    def receive(self) -> Request: ...
    def send(self, message: Answer) -> None: ...
    def wait_for_the_end(self) -> None:
        """Until the host has hung up."""
        ...


class Link:
    """Blocking frames over the inherited socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def receive(self) -> Request:
        return decode_request(self._exactly(frame_length(self._exactly(LENGTH.size))))

    def send(self, message: Answer) -> None:
        try:
            self._connection.sendall(encode_frame(message))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise HostGone from error

    def wait_for_the_end(self) -> None:
        """Read and forget until the host closes the link."""
        try:
            while self._connection.recv(PIECE_BYTES):
                continue
        except ConnectionResetError:
            return

    def _exactly(self, count: int) -> bytearray:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            try:
                received = self._connection.recv_into(view)
            except ConnectionResetError as error:
                raise HostGone from error
            if not received:
                raise HostGone
            view = view[received:]
        return data


class Worker:
    def __init__(self, link: Frames, result_bytes_max: int) -> None:
        self._link = link
        self._result_bytes_max = result_bytes_max
        self._doing = "being imported"
        self._index = 0

    def run(self, target: str) -> int:
        """Serve until the host goes (0), or until the user's code raises (1)."""
        try:
            machine = load(target)
            self._link.send(Hello(machine.name, machine.version))
            while True:
                self.serve(machine, self._link.receive())
        except HostGone:
            return 0
        except BaseException as error:  # noqa: BLE001 - whatever the user's code raises, SystemExit too, stops this machine and is told
            self.tell(error)
            return 1

    def serve(self, machine: StateMachine, request: Request) -> None:
        """Carry one request out and answer it. Raises what the user's code raises."""
        if isinstance(request, Apply):
            self._apply(machine, request.commands)
        elif isinstance(request, TakeSnapshot):
            self._doing, self._index = "taking a snapshot", 0
            for piece in machine.snapshot():
                data = checked_bytes(piece, "a piece of snapshot()")
                for start in range(0, len(data), PIECE_BYTES):
                    self._link.send(SnapshotPiece(data[start : start + PIECE_BYTES]))
            self._link.send(SnapshotEnd())
        else:
            self._doing, self._index = "restoring a snapshot", 0
            pieces = self._pieces(request)
            machine.restore(pieces)
            # What `restore` did not want is taken off the link, or it would be read as the next request.
            deque(pieces, maxlen=0)
            self._link.send(Restored())

    def _apply(self, machine: StateMachine, commands: list[tuple[int, int, bytes]]) -> None:
        results: list[tuple[int, bytes]] = []
        size, told_s = 0, time.monotonic()
        self._doing = "applying the command"
        for self._index, machine.log_time_ms, payload in commands:
            try:
                value = checked_bytes(machine.apply(self._index, payload), "the result of apply()")
                status = Status.DONE
            except Rejected as rejection:
                value, status = rejection.reason, Status.REJECTED
            except BaseException:
                # The commands before this one were applied: their proposers are told before the machine stops.
                self._link.send(Applied(results))
                raise
            if len(value) > self._result_bytes_max:
                value, status = str(len(value)).encode(), Status.TOO_LARGE
            results.append((status, value))
            size += len(value)
            now_s = time.monotonic()
            if size >= PIECE_BYTES or now_s - told_s >= TELL_S:
                self._link.send(Applied(results))
                results, size, told_s = [], 0, now_s
        if results:
            self._link.send(Applied(results))

    def _pieces(self, request: Request) -> Iterator[bytes]:
        while not isinstance(request, RestoreEnd):
            assert isinstance(request, RestorePiece), f"a {type(request).__name__} came between the pieces of a snapshot"
            yield request.data
            request = self._link.receive()

    def tell(self, error: BaseException) -> None:
        line = "".join(traceback.format_exception_only(error)).strip().rsplit("\n", 1)[-1]
        text = "".join(traceback.format_exception(error))[-TRACEBACK_CHARACTERS_MAX:]
        sys.stderr.write(text)
        try:
            self._link.send(Broken(self._doing, self._index, line[:TRACEBACK_CHARACTERS_MAX], text))
        except HostGone:
            sys.stderr.write("the member is gone: nobody was told\n")
            return
        # Until the host has hung up: what it still sends to a socket that nobody reads would make its own reads fail, this word among them.
        self._link.wait_for_the_end()


def checked_bytes(value: object, what: str) -> bytes:
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError(f"{what} must be bytes, not {type(value).__name__}")
    return bytes(value)


def load(target: str) -> StateMachine:
    """Import `module:Class` and make it. Raises what the import raises, `TypeError` or `ValueError` for what is no `StateMachine`."""
    module_name, _, class_name = target.partition(":")
    kind = getattr(importlib.import_module(module_name), class_name)
    if not (isinstance(kind, type) and issubclass(kind, StateMachine)):
        raise TypeError(f"{target} is not a subclass of quorate.StateMachine")
    name, version = getattr(kind, "name", None), getattr(kind, "version", None)
    if not (isinstance(name, str) and 0 < len(name) <= NAME_CHARACTERS_MAX):
        raise ValueError(f"{target}.name is {name!r}: give it a text of 1 to {NAME_CHARACTERS_MAX} characters")
    if not (isinstance(version, int) and not isinstance(version, bool) and 0 < version < 2**63):
        raise ValueError(f"{target}.version is {version!r}: give it a whole number from 1 on")
    return kind()


def main() -> int:
    parser = argparse.ArgumentParser(prog="quorate-application")
    parser.add_argument("target")
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--search-path", default="")
    parser.add_argument("--result-bytes-max", type=int, required=True)
    parser.add_argument("--memory-bytes-max", type=int, default=0)
    arguments = parser.parse_args()
    # The member decides when its worker ends (it closes the link): a Ctrl-C in the terminal goes to both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if arguments.memory_bytes_max:
        resource.setrlimit(resource.RLIMIT_AS, (arguments.memory_bytes_max, arguments.memory_bytes_max))
    sys.path[:0] = [directory for directory in arguments.search_path.split(os.pathsep) if directory]
    with socket.socket(fileno=arguments.socket) as connection:
        return Worker(Link(connection), arguments.result_bytes_max).run(arguments.target)


if __name__ == "__main__":
    sys.exit(main())
