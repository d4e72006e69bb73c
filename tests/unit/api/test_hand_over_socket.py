"""What a preStop hook says, and what it is told."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate_node import hand_over
from quorate_node.api import hand_over_socket
from quorate_node.api.hand_over_socket import HandOverSocket

ROOT = Path(hand_over.__file__).parents[1]


class Asked:
    def __init__(self) -> None:
        self.answer = "member 2 leads now"
        self.times = 0

    async def __call__(self) -> str:
        self.times += 1
        return self.answer


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
async def path(tmp_path: Path, asked: Asked) -> AsyncIterator[Path]:
    path = tmp_path / "s"
    door = HandOverSocket(path, asked)
    await door.start()
    yield path
    await door.close()
    assert not path.exists()


async def run(path: Path) -> tuple[int, str]:
    command = [
        sys.executable,
        "-c",
        "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('quorate_node.hand_over', run_name='__main__')",
    ]
    process = await asyncio.create_subprocess_exec(*command, str(ROOT), str(path), stdout=-1, stderr=-2)
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_the_hook_asks_once_and_says_what_was_done(path: Path, asked: Asked) -> None:
    assert await run(path) == (0, "member 2 leads now\n")
    assert asked.times == 1


async def test_a_member_that_could_not_hand_over_fails_the_hook_with_its_reason(path: Path, asked: Asked) -> None:
    asked.answer = "error: no other voter answers"
    assert await run(path) == (1, "error: no other voter answers\n")


async def test_a_member_that_is_not_there_is_named(tmp_path: Path) -> None:
    code, output = await run(tmp_path / "none")
    assert code == 1
    assert "is the member running, with listen.hand_over_socket set to this path?" in output


async def test_another_word_is_refused_and_the_door_stays_open(path: Path, asked: Asked) -> None:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b"x" * 1_000)
    assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"error: ")
    writer.close()
    assert asked.times == 0
    assert (await run(path))[0] == 0


async def test_nobody_else_reaches_the_socket_and_one_that_was_left_is_taken_over(tmp_path: Path, asked: Asked) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    door = HandOverSocket(path, asked)
    await door.start()
    assert path.stat().st_mode & 0o777 == 0o600
    assert (await run(path))[0] == 0
    await door.close()


async def test_one_who_says_nothing_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hand_over_socket, "PATIENCE_S", 0.05)
    reader, writer = await asyncio.open_unix_connection(path)
    began_s = time.monotonic()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert time.monotonic() - began_s < 2
    writer.close()


def test_both_sides_know_the_same_word() -> None:
    assert hand_over.WORD == hand_over_socket.WORD
