"""The next segment of the log, made ahead."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from quorate_node.store import segment_file
from quorate_node.store.segment_file import PREPARING, prepare_segment
from quorate_node.store.settings import KIB


def test_a_segment_whose_name_could_not_be_synced_is_made_again_under_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = segment_file.sync_directory

    def failing(_directory: Path) -> None:
        raise OSError(errno.EIO, "on purpose")

    monkeypatch.setattr(segment_file, "sync_directory", failing)
    with pytest.raises(OSError, match="on purpose"):
        prepare_segment(tmp_path, 2, 64 * KIB, lambda: False)
    assert [path.name for path in tmp_path.iterdir()] == [PREPARING]
    monkeypatch.setattr(segment_file, "sync_directory", sync)
    segment = prepare_segment(tmp_path, 2, 64 * KIB, lambda: False)
    assert segment.sequence == 2
    assert list(tmp_path.iterdir()) == [segment.path]
