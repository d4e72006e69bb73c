"""What every test needs: bounded, repeatable property tests, and where other people's vectors are."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from quorate_node.failpoints.loader import instrument

# Every test in this process reaches the failpoints, which do nothing until a test sets one. Before anything else of the node is imported.
instrument()

REPOSITORY = Path(__file__).resolve().parent.parent

# No deadline: two busy cores make a single example late without anything being wrong. CI draws the same examples every time, so that a
# failure there is a failure here; `HYPOTHESIS_PROFILE=explore` draws new ones.
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def vectors_directory() -> Path | None:
    """Folder of other implementations' vectors: `QUORATE_VECTORS`, else `../shared/vectors` beside the repository, else None."""
    named = os.environ.get("QUORATE_VECTORS")
    if named:
        return Path(named)
    beside = REPOSITORY.parent / "shared" / "vectors"
    return beside if beside.is_dir() else None


@pytest.fixture(autouse=True, scope="session")
def _temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tests, and the processes that they start, leave in the temporary folder is in pytest's own, and goes with it: also what belongs
    to those that were killed, who tidy up nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(tempfile, "tempdir", None)  # Asked for anew.
        yield


@pytest.fixture(scope="session")
def vectors() -> Path:
    directory = vectors_directory()
    if directory is None:
        pytest.skip("no vectors: set QUORATE_VECTORS to their folder, or put it at ../shared/vectors")
    assert directory.is_dir(), f"QUORATE_VECTORS names {directory}, which is not a folder"
    return directory
