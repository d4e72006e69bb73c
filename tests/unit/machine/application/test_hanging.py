"""Silence of the application's process has a limit, and slowness is no silence."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from quorate.wire.results import ApplicationResult
from tests.unit.machine.application.harness import result_of, running


async def test_a_process_that_hangs_is_killed_and_started_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with running(tmp_path / "data", command_timeout_s=1.0) as member:
        member.register()
        result = await member.call(b"hang once " + str(tmp_path / "hung").encode())
        assert result == ApplicationResult(2, b"1")
        assert member.host.status().restarts == 1
        assert await member.trace() == member.expected_trace()
    assert "it has answered nothing for 1 s (application.command_timeout_ms): it hangs, and was killed" in caplog.text


async def test_a_batch_that_takes_long_is_no_process_that_hangs(tmp_path: Path) -> None:
    async with running(tmp_path, command_timeout_s=1.0) as member:
        member.register()
        answers = [await result_of(answer) for answer in member.commit(*[b"sleep 0.3"] * 6)]
        assert [answer.value for answer in answers] == [b"slept"] * 6  # type: ignore[union-attr]
        assert member.host.status().restarts == 0


async def test_a_process_that_hangs_with_its_state_is_killed_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGS", str(tmp_path))
    async with running(tmp_path / "data", "HangsWithItsState", command_timeout_s=1.0, state_timeout_s=1.5) as member:
        member.register()
        assert (await member.call(b"5")).value == b"5"  # type: ignore[union-attr]
        assert member.host.status().restarts == 1, "at the first snapshot, which the registration asks for"
        os.kill(member.host.status().pid, signal.SIGKILL)
        assert (await member.call(b"6")).value == b"11"  # type: ignore[union-attr]
    assert "it has answered nothing for 1.5 s (application.state_timeout_ms)" in caplog.text
    assert "it has restored no snapshot for 1.5 s (application.state_timeout_ms)" in caplog.text
