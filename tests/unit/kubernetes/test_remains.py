"""What a test cluster leaves is found, and named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kubernetes.bed import remains as module
from tests.kubernetes.bed.remains import Remains, files_now, remains


def test_nothing_left_is_false_and_says_so() -> None:
    assert not Remains()
    assert str(Remains()) == "0 processes, 0 mounts, 0 control groups, 0 files, 0 interfaces"


def test_what_is_left_is_counted_and_named() -> None:
    left = Remains(processes=["7 etcd"], files=["/a", "/b"])
    assert left
    assert str(left).startswith("1 processes, 0 mounts, 0 control groups, 2 files, 0 interfaces")
    assert "\n  processes: 7 etcd" in str(left)
    assert "\n  files: /b" in str(left)


def test_a_process_of_the_cluster_and_its_folder_are_found(tmp_path: Path) -> None:
    state = tmp_path / "bed-1"
    state.mkdir()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", str(state)]) as process:
        try:
            left = remains(state)
            assert [entry.split()[0] for entry in left.processes] == [str(process.pid)]
            assert str(state) in left.files
        finally:
            process.kill()
    state.rmdir()
    assert remains(state).processes == []


def test_what_was_there_before_is_not_blamed_on_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WATCHED", (tmp_path, tmp_path / "not there"))
    (tmp_path / "the machine's").touch()
    before = files_now()
    (tmp_path / "ours").touch()
    assert remains(tmp_path / "none", before).files == [str(tmp_path / "ours")]
