"""What a night leaves behind: durable, one owner at a time, and bounded."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.simulator.soak.__main__ import first_seed
from quorate_node.simulator.soak.state import (
    EVIDENCE_CHARACTERS_MAX,
    FAILED_MAX,
    STATE_FILE,
    FailedSeed,
    SoakState,
    StateFolder,
    Sums,
    Unusable,
    load,
)


def test_what_was_saved_is_there_again(tmp_path: Path) -> None:
    state = SoakState()
    state.of("abc").ranges = [(0, 5), (7, 9)]
    state.of("abc").sums.add(Sums(seeds=7, virtual_s=1.5, cpu_s=0.5, steps=10, operations=3, judged=4))
    state.note_failed(FailedSeed(7, "abc", "linearizable", "#1 and #2", "again 7"))
    with StateFolder(tmp_path / "new") as folder:
        assert folder.load() == SoakState()
        folder.save(state)
    assert load(tmp_path / "new") == state
    assert state.total() == Sums(7, 1.5, 0.5, 10, 3, 4)


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    with StateFolder(tmp_path), pytest.raises(Unusable, match="another run uses it"), StateFolder(tmp_path):
        raise AssertionError
    with StateFolder(tmp_path) as folder:
        assert folder.load() == SoakState()


def test_a_damaged_state_is_refused_and_not_overwritten(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as folder:
        folder.save(SoakState())
        content = bytearray((tmp_path / STATE_FILE).read_bytes())
        content[-3] ^= 1
        (tmp_path / STATE_FILE).write_bytes(content)
        with pytest.raises(Unusable, match="cannot be read"):
            folder.load()


def test_a_state_of_a_later_release_is_refused(tmp_path: Path) -> None:
    with StateFolder(tmp_path) as folder:
        folder.save(SoakState(format=2))
        with pytest.raises(Unusable, match="format 2, this release reads 1"):
            folder.load()


def test_what_is_kept_of_failures_is_bounded() -> None:
    state = SoakState()
    for seed in range(FAILED_MAX + 5):
        state.note_failed(FailedSeed(seed, "abc", "p", "e" * 2 * EVIDENCE_CHARACTERS_MAX, "again"))
    state.note_failed(FailedSeed(9, "abc", "another", "", "again"))
    assert len(state.failed) == FAILED_MAX
    assert state.failed[-1].property == "another"
    assert sum(each.seed == 9 for each in state.failed) == 1, "a seed that fails again is one failure"
    assert max(len(each.evidence) for each in state.failed) == EVIDENCE_CHARACTERS_MAX


def test_an_unfinished_run_goes_on_and_a_new_one_begins_behind_all_others() -> None:
    state = SoakState()
    state.of("old").ranges = [(0, 70)]
    record = state.of("new")
    assert first_seed(state, record, None) == 70
    record.asked, record.ranges = (70, 90), [(70, 75), (76, 90)]
    assert first_seed(state, record, None) == 70, "75 is missing"
    record.ranges = [(70, 90)]
    assert first_seed(state, record, None) == 90
    assert first_seed(state, record, 5) == 5, "what is asked for counts"
