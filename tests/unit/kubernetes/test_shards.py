"""Every file of tests runs on exactly one of the clusters, and they end at about the same time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.shards import ALONE, MEASURED_S, NEEDS_THE_MACHINE, UNKNOWN_S, VARIABLE, own_share, shares

FILES = [path.name for path in (Path(__file__).parents[2] / "kubernetes").glob("test_*.py")]


@pytest.mark.parametrize("of", [1, 2, 3, 40])
def test_each_is_in_one_share(of: int) -> None:
    made = shares(FILES, of)
    assert len(made) == of
    assert sorted(name for share in made for name in share) == sorted(FILES)


def test_shares_are_about_as_long() -> None:
    first, second = (sum(MEASURED_S.get(name, UNKNOWN_S) for name in share) for share in shares(FILES, 2))
    assert abs(first - second) <= UNKNOWN_S


def test_every_file_that_is_named_is_there() -> None:
    assert set(MEASURED_S) | NEEDS_THE_MACHINE <= set(FILES)


def test_without_a_word_a_process_runs_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert own_share(FILES) == set(FILES)


def test_together_and_alone_they_run_every_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []
    for text in ("1/2", "2/2", ALONE):
        monkeypatch.setenv(VARIABLE, text)
        ran += own_share(FILES)
    assert sorted(ran) == sorted(FILES)
    assert own_share(FILES) == NEEDS_THE_MACHINE


@pytest.mark.parametrize("text", ["", "0/2", "3/2", "1", "a/b"])
def test_what_is_no_share_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=VARIABLE):
        own_share(FILES)
