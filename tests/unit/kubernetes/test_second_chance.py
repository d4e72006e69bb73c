"""A few tests that failed are run again; anything else that went wrong is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.second_chance import SECOND_CHANCES_MAX, TESTS_FAILED, failed_tests, note_failed, to_run_again
from tests.kubernetes.shards import AGAIN, VARIABLE, own_share


def test_a_failed_test_is_remembered_once_in_order(tmp_path: Path) -> None:
    for name in ("b", "a", "b"):
        note_failed(tmp_path / "logs", name)
    assert failed_tests(tmp_path / "logs") == ["b", "a"]


def test_where_none_failed_there_is_none(tmp_path: Path) -> None:
    assert failed_tests(tmp_path) == []
    assert to_run_again([0, 0], [[], []]) == []


def test_a_few_failures_are_worth_a_second_run() -> None:
    few = [str(number) for number in range(SECOND_CHANCES_MAX)]
    assert to_run_again([TESTS_FAILED, 0, TESTS_FAILED], [few[:1], [], few[1:]]) == few


def test_many_failures_are_not() -> None:
    assert to_run_again([TESTS_FAILED], [[str(number) for number in range(SECOND_CHANCES_MAX + 1)]]) == []


@pytest.mark.parametrize("status", [2, 3, 4, -9, 137])
def test_nor_is_a_cluster_where_something_else_went_wrong(status: int) -> None:
    assert to_run_again([TESTS_FAILED, status], [["a"], []]) == []


def test_nor_is_one_that_says_failed_and_not_what() -> None:
    assert to_run_again([TESTS_FAILED, TESTS_FAILED], [["a"], []]) == []


def test_the_second_run_takes_tests_of_every_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, AGAIN)
    assert own_share(["test_life.py", "test_hundred_clusters.py"]) == {"test_life.py", "test_hundred_clusters.py"}
