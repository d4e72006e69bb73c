"""The planted bugs fit today's source: each patch applies and compiles, says what it breaks, and some are found again at once.

`make mutants` hunts all of them; this keeps them from rotting between two hunts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.simulation.mutants import table
from tests.simulation.mutants.hunt import hunt, load_found, make_base, run_seeds
from tests.simulation.mutants.mutant import REPOSITORY, Malformed, Mutant, all_mutants, apply, load
from tests.simulation.mutants.report import explained
from tests.simulation.mutants.worlds import WORLDS

MUTANTS = all_mutants()
QUICK = ("heartbeat-commits-unmatched", "compacted-beyond-flushed-state", "snapshot-lacks-leases")
"""Found within a second, one each of the protocol, the store and the machine."""


def names(mutants: list[Mutant]) -> list[str]:
    return [mutant.name for mutant in mutants]


def test_there_are_at_least_thirty() -> None:
    assert len(MUTANTS) >= 30


@pytest.mark.parametrize("mutant", MUTANTS, ids=names(MUTANTS))
def test_a_mutant_applies_and_compiles(mutant: Mutant, tmp_path: Path) -> None:
    """Only the files that it patches are copied: the patch itself says which."""
    for name in mutant.files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, tmp_path / name)
    apply(mutant, tmp_path)
    for name in mutant.files:
        mutated = (tmp_path / name).read_text(encoding="utf-8")
        assert mutated != (REPOSITORY / name).read_text(encoding="utf-8"), "the patch changes nothing"
        compile(mutated, name, "exec")
    assert mutant.world in WORLDS


def test_what_is_remembered_is_there() -> None:
    found = load_found()
    assert set(found) <= set(names(MUTANTS)), "found.json remembers a mutant that is not there"
    assert explained() <= set(names(MUTANTS)) - set(found), "survivors.md gives a reason for one that is found, or that is not there"
    assert {remembered.world for remembered in found.values()} <= set(WORLDS)


def test_the_documentation_tells_what_is_remembered() -> None:
    page = table.PAGE.read_text(encoding="utf-8")
    assert table.written(page, table.table(MUTANTS, load_found())) == page, "python -m tests.simulation.mutants writes the table"


@pytest.mark.timeout(300)
def test_some_are_found_again_with_their_seeds_and_the_source_is_not(tmp_path: Path) -> None:
    base = make_base(tmp_path / "base")
    found = load_found()
    for mutant in (mutant for mutant in MUTANTS if mutant.name in QUICK):
        remembered = found[mutant.name]
        hunted = hunt(mutant, base, remembered, seeds_max=20, seconds_max=120)
        assert hunted.found, f"{mutant.name} is not found any more with seed {remembered.seed} of {remembered.world}, nor with 20 others"
        assert not run_seeds(base, hunted.world, [hunted.seed], seconds_max=120)[-1].broken


def test_a_patch_that_does_not_apply_is_an_error_with_its_name(tmp_path: Path) -> None:
    patch = tmp_path / "outdated.patch"
    patch.write_text(MUTANTS[0].path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(Malformed, match=r"outdated\.patch does not apply"):
        apply(load(patch), tmp_path)


def test_a_patch_without_its_header_is_an_error_with_what_it_lacks(tmp_path: Path) -> None:
    patch = tmp_path / "nameless.patch"
    patch.write_text("Rule: none\n\n--- a/x.py\n+++ b/x.py\n", encoding="utf-8")
    with pytest.raises(Malformed, match=r"nameless\.patch: the header lacks Broken by, Seen by, World"):
        load(patch)
