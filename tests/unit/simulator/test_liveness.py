"""Who has to come to the end of the application's list, and who is needed for a majority."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from quorate_node.protocol.membership import Configuration
from quorate_node.simulator.liveness import behind
from quorate_node.simulator.sight import belonging, holds_majority


def host(member_id: int, carried_out: int | None, own_members: set[int]) -> Any:
    """Whose application has carried out so many commands (None: no process of it runs), and who is in the cluster by its own state."""
    worker = None if carried_out is None else SimpleNamespace(ledger=SimpleNamespace(payloads=[b"x"] * carried_out))
    member = SimpleNamespace(machine=SimpleNamespace(members=dict.fromkeys(own_members)))
    life = SimpleNamespace(
        ledger=SimpleNamespace(worker=worker), replica=SimpleNamespace(member=member), storage=SimpleNamespace(member_id=member_id)
    )
    return SimpleNamespace(life=life)


@pytest.mark.parametrize("carried_out", [None, 2])
def test_a_member_whose_application_has_not_carried_out_all_is_behind(carried_out: int | None) -> None:
    assert behind(host(1, carried_out, {1, 2}), 3, {1, 2})
    assert not behind(host(1, 3, {1, 2}), 3, {1, 2})


def test_a_removed_member_that_lost_its_removal_with_the_power_is_not_waited_for() -> None:
    assert not behind(host(7, 2, {1, 7}), 3, {1})


def test_a_new_member_that_does_not_know_yet_that_it_is_one_is_waited_for() -> None:
    assert behind(host(7, 0, {1}), 3, {1, 7})


def test_who_belongs_to_the_cluster_is_asked_of_the_configuration_as_a_witness_may_lack_the_records() -> None:
    configuration = Configuration(voters=(1, 2), learners=(3,), voters_outgoing=(1, 4), learners_next=(4,), witnesses=(2,))
    witness: Any = SimpleNamespace(configuration=configuration, members={3: None})
    assert belonging(witness) == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("configuration", "enough"),
    [
        (Configuration(voters=(1, 2, 3, 4, 5)), True),
        (Configuration(voters=(1, 2, 4, 5)), False),
        (Configuration(voters=(1, 2, 3), voters_outgoing=(1, 4, 5)), False),
        (Configuration(voters=(1, 4, 5), voters_outgoing=(1, 2, 3)), False),
        (Configuration(voters=(1, 2, 3), voters_outgoing=(1, 2, 4), learners=(5,)), True),
    ],
)
def test_those_that_stay_are_asked_in_every_configuration_whether_they_are_a_majority(configuration: Configuration, enough: bool) -> None:
    """A removal that was under way is committed by those that stay: three of five, of whom two are left in a cluster of four."""
    assert holds_majority([host(member_id, 0, set()) for member_id in (1, 2, 3)], configuration) is enough
