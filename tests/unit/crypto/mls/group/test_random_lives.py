"""Groups that live at random stay in agreement; a thousand steps of a hundred members are `random_lives`' own to run."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.suites import SUITES
from tests.unit.crypto.mls.group.random_lives import RandomLife


@pytest.mark.parametrize("seed", range(6))
def test_random_lives(seed: int) -> None:
    life = RandomLife(seed, members_max=12, suite=SUITES[1 if seed % 2 else 3])
    life.run(40)
    assert len(life.views) > 1
    assert next(iter(life.views.values())).epoch > 5


def test_the_same_seed_is_the_same_life() -> None:
    first, second = RandomLife(7, members_max=8), RandomLife(7, members_max=8)
    for life in (first, second):
        life.run(20)
    assert sorted(first.views) == sorted(second.views)
    assert {view.epoch_authenticator for view in first.views.values()} == {view.epoch_authenticator for view in second.views.values()}
