"""The Welcome: one secret a comer, and nothing for anybody else."""

from __future__ import annotations

import pytest

from quorate_node.crypto.mls.errors import NotForUs
from quorate_node.crypto.mls.extension import Extension
from quorate_node.crypto.mls.group.commit_create import CommitOptions, create_commit
from quorate_node.crypto.mls.group.joining import join_group
from quorate_node.crypto.mls.proposals import Add, Remove
from tests.unit.crypto.mls.group.lives import Life, package_of, sent


def test_it_is_made_for_those_who_come_alone() -> None:
    life = Life.of(2)
    assert life.commit("founder", Remove(1)).welcome is None
    comers = [package_of(name) for name in ("one", "two")]
    created = create_commit(life.founder, [Add(own.package) for own in comers], life.entropy)
    assert created.welcome is not None
    assert [found.new_member for found in created.welcome.secrets] == [own.package.reference(life.suite) for own in comers]
    for own in comers:
        assert join_group(sent(created.welcome), own).epoch_authenticator == created.group.epoch_authenticator
    with pytest.raises(NotForUs):
        join_group(sent(created.welcome), package_of("three"))


def test_those_who_come_are_told_what_the_maker_adds() -> None:
    life = Life.of(1)
    options = CommitOptions(tree_in_welcome=False, group_info_extensions=(Extension(0xFF01, b"x" * 500),))
    long = create_commit(life.founder, [Add(package_of("one").package)], life.entropy, options=options).welcome
    short = create_commit(
        life.founder, [Add(package_of("one").package)], life.entropy, options=CommitOptions(tree_in_welcome=False)
    ).welcome
    assert long is not None and short is not None
    assert len(long.encrypted_group_info) - len(short.encrypted_group_info) == 505, "two bytes of type, two of length, one of header"
