"""The host behind the real key-value machine: registration, results, a session's retry, and the log read again."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import msgspec

from quorate.wire.commands import ApplicationVersion, Batch, Command, CommandKind, SessionCreate
from quorate.wire.results import ApplicationResult, SessionResult
from quorate_node.machine.application.host import ApplicationHost
from quorate_node.machine.application.log_reader import LogCommandReader
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.store.memory_disk import MemoryDisk
from quorate_node.store.memory_state import MemoryStateStore
from tests.unit.machine.application.harness import result_of, settings, until


class Log:
    def __init__(self) -> None:
        self.all: list[Entry] = []

    def first_index(self) -> int:
        return 1

    def entries(self, low: int, high: int, size_bytes_max: int) -> list[Entry]:
        return self.all[low - 1 : high - 1]


def command(kind: int, payload: Any, session: int = 0, seq: int = 0) -> Command:
    return Command(kind, 1, session, seq, 1 if session else 0, "", 0, msgspec.Raw(msgspec.msgpack.encode(payload)))


async def test_a_machine_and_its_application(tmp_path: Path) -> None:
    store, log = MemoryStateStore(MemoryDisk(), "state"), Log()
    host = ApplicationHost(settings("Counter"), tmp_path, LogCommandReader(lambda: log, lambda: store))  # type: ignore[arg-type,return-value]
    machine = KeyValueMachine.open(store, application=host)
    await host.start(machine.applied_index, machine.state.application)

    def commit(*commands: Command) -> list[Any]:
        index = len(log.all) + 1
        data = msgspec.msgpack.encode(Batch(1, 1000 + index, list(commands)))
        log.all.append(Entry(index, 1, EntryType.NORMAL, data))
        return machine.apply([log.all[-1]])[0]

    assert commit(command(CommandKind.APPLICATION, b"9")) == [ApplicationResult(1, b"")], "nobody is registered"
    created, *_ = commit(command(CommandKind.SESSION_CREATE, SessionCreate(60_000)))
    assert isinstance(created, SessionResult)
    commit(command(CommandKind.APPLICATION_VERSION, ApplicationVersion("counter", 1)))
    first = commit(command(CommandKind.APPLICATION, b"5", created.session, 1))[0]
    assert await result_of(first) == ApplicationResult(4, b"5")
    pid = int((await result_of(commit(command(CommandKind.APPLICATION, b"pid"))[0])).value)  # type: ignore[union-attr]
    os.kill(pid, signal.SIGKILL)
    await until(lambda: host.status().pid not in (0, pid))
    assert await result_of(commit(command(CommandKind.APPLICATION, b"1"))[0]) == ApplicationResult(6, b"6"), "read again from the log"
    again = commit(command(CommandKind.APPLICATION, b"5", created.session, 1))[0]
    assert await result_of(again) == ApplicationResult(4, b"5"), "the retry is answered as the first time"
    assert await result_of(commit(command(CommandKind.APPLICATION, b"1"))[0]) == ApplicationResult(8, b"7"), "and was not applied again"
    await host.stop()
