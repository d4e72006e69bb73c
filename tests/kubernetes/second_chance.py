"""Tests that failed beside others run once more, alone on a new cluster: on a shared machine that tells a slow minute from a defect.

Neither is passed over in silence: the first failure's traceback stands in the output, and the last lines name what needed
the second run. More than a few failures are not a slow minute, and nothing is run again.
"""

from __future__ import annotations

from pathlib import Path

FAILED_FILE = "failed"
"""In a cluster's folder of logs: a test's id a line, written when it fails, so that a run that is cut off has it too."""
SECOND_CHANCES_MAX = 4
TESTS_FAILED = 1
"""pytest's exit status when tests failed; any other is not about single tests."""


def note_failed(logs: Path, test_id: str) -> None:
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / FAILED_FILE).open("a") as file:
        file.write(test_id + "\n")


def failed_tests(logs: Path) -> list[str]:
    """In the order of their failing; a test that failed in its call and in its end is there once."""
    path = logs / FAILED_FILE
    return list(dict.fromkeys(path.read_text().splitlines())) if path.exists() else []


def to_run_again(statuses: list[int], failed: list[list[str]]) -> list[str]:
    """What is worth a second run, given each cluster's exit status and failed tests: none where something else than tests went wrong."""
    assert len(statuses) == len(failed), (statuses, failed)
    for status, names in zip(statuses, failed, strict=True):
        if status not in (0, TESTS_FAILED) or (status == TESTS_FAILED and not names):
            return []
    named = [name for names in failed for name in names]
    return named if len(named) <= SECOND_CHANCES_MAX else []
