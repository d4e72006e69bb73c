"""The worker process as the host holds it: start it, exchange frames with it, and be sure that it is gone afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import msgspec

from quorate_node.machine.application.frames import (
    LENGTH,
    Answer,
    Broken,
    Hello,
    Request,
    decode_answer,
    encode_frame,
    frame_length,
)
from quorate_node.machine.application.settings import ApplicationSettings
from quorate_node.machine.interface import ApplicationFailed

WORKER_MODULE = "quorate_node.machine.application.worker"
STANDARD_ERROR = 2
STREAM_BUFFER_BYTES = 1 << 20
GOODBYE_S = 2.0
"""Time for the process to end by itself when its link is closed; then it is killed."""


class WorkerDied(Exception):
    """The process is gone without a word: killed, out of memory, or crashed in native code. It is started again."""


class ApplicationWorker(Protocol):
    """What the host needs of a worker, wherever it runs. `name` and `version` are its class's; `pid` is its process."""

    name: str
    version: int

    @property
    def pid(self) -> int: ...
    async def send(self, message: Request) -> None:
        """Raises `WorkerDied`."""
        ...

    async def receive(self) -> Answer:
        """The next answer, in the order of the requests. Raises `ApplicationFailed`, `WorkerDied`."""
        ...

    async def close(self) -> None:
        """It is gone on return."""
        ...


StartWorker = Callable[[ApplicationSettings], Awaitable[ApplicationWorker]]
"""Raises `ApplicationFailed` (the class cannot be made), `WorkerDied`."""


class WorkerProcess:
    """One life of the worker. `name` and `version` are its class's."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hello: Hello
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.name = hello.name
        self.version = hello.version

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    async def start(cls, settings: ApplicationSettings) -> WorkerProcess:
        """Raises `ApplicationFailed` (the class cannot be made), `WorkerDied` (also when it is not ready in `start_timeout_s`)."""
        ours, theirs = socket.socketpair()
        # In a task of its own: a start that is cancelled halfway would leave a process that nobody knows.
        starting = asyncio.ensure_future(_spawn(settings, theirs))
        try:
            process = await asyncio.shield(starting)
        except OSError as error:
            ours.close()
            raise WorkerDied(f"the process cannot be started: {error}") from error
        except asyncio.CancelledError:
            ours.close()
            await (await starting).wait()
            raise
        reader, writer = await asyncio.open_connection(sock=ours, limit=STREAM_BUFFER_BYTES)
        worker = cls(process, reader, writer, Hello("", 0))
        try:
            async with asyncio.timeout(settings.start_timeout_s):
                hello = await worker.receive()
        except TimeoutError as error:
            await worker.kill()
            raise WorkerDied(
                f"{settings.machine} was not ready within application.start_timeout_s ({settings.start_timeout_s} s)"
            ) from error
        except BaseException:
            await worker.kill()
            raise
        assert isinstance(hello, Hello), f"the worker began with a {type(hello).__name__}"
        worker.name, worker.version = hello.name, hello.version
        return worker

    async def send(self, message: Request) -> None:
        """Returns when the link has taken it. Raises `WorkerDied`."""
        self._writer.write(encode_frame(message))
        try:
            await self._writer.drain()
        except ConnectionError as error:
            raise WorkerDied(await self._last_words()) from error

    async def receive(self) -> Answer:
        """The next answer. Raises `ApplicationFailed` when the user's code raised, `WorkerDied`."""
        try:
            length = frame_length(await self._reader.readexactly(LENGTH.size))
            answer = decode_answer(await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDied(await self._last_words()) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise WorkerDied(f"it sent what is no frame: {error}") from error
        return checked(answer)

    async def close(self) -> None:
        """Close the link and wait for the end; kill what does not end in `GOODBYE_S`."""
        self._writer.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await self._process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Make sure that it is gone: two processes with one state would answer twice."""
        self._writer.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    async def _last_words(self) -> str:
        """How it ended, once the link is closed."""
        try:
            async with asyncio.timeout(GOODBYE_S):
                code = await self._process.wait()
        except TimeoutError:
            return "it closed its link and runs on"
        return f"it was killed by signal {-code}" if code < 0 else f"it exited with code {code}"


def checked(answer: Answer) -> Answer:
    """Raises `ApplicationFailed` for the word that the user's code raised."""
    if isinstance(answer, Broken):
        where = f" at index {answer.index}" if answer.index else ""
        raise ApplicationFailed(f"{answer.doing}{where}: {answer.line}")
    return answer


async def _spawn(settings: ApplicationSettings, theirs: socket.socket) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *_command(settings, theirs.fileno()),
            pass_fds=[theirs.fileno()],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=STANDARD_ERROR,
            # The same string hashes on every member: the order of a set of texts is a part of many programs' state.
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    finally:
        theirs.close()


def _command(settings: ApplicationSettings, descriptor: int) -> Sequence[str]:
    return (
        sys.executable,
        "-m",
        WORKER_MODULE,
        settings.machine,
        f"--socket={descriptor}",
        f"--search-path={settings.search_path}",
        f"--result-bytes-max={settings.result_bytes_max}",
        f"--memory-bytes-max={settings.memory_bytes_max}",
    )
