"""Control groups are made for every controller, and gone when they are removed. On folders: the kernel's own need root."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.bed.cgroups import ROOT_NAME, groups_left, hierarchies, make_groups, remove_groups


@pytest.fixture
def version_1(tmp_path: Path) -> Path:
    for name in ("cpu,cpuacct", "memory"):
        (tmp_path / name).mkdir()
    (tmp_path / "cpu").symlink_to("cpu,cpuacct")
    return tmp_path


@pytest.fixture
def version_2(tmp_path: Path) -> Path:
    (tmp_path / "cgroup.controllers").write_text("cpu memory\n")
    return tmp_path


def test_a_linked_controller_is_one_hierarchy(version_1: Path) -> None:
    assert [path.name for path in hierarchies(version_1)] == ["cpu,cpuacct", "memory"]


def test_version_2_is_one_hierarchy(version_2: Path) -> None:
    assert hierarchies(version_2) == [version_2]


def test_a_group_is_made_in_every_hierarchy_and_listed_deepest_first(version_1: Path) -> None:
    assert make_groups("bed-1", "node-1", version_1) == f"/{ROOT_NAME}/bed-1/node-1"
    left = groups_left("bed-1", version_1)
    assert len(left) == 4
    assert {path.name for path in left[:2]} == {"node-1"}


def test_removed_groups_are_gone_and_take_the_common_folder_along(version_1: Path) -> None:
    make_groups("bed-1", "node-1", version_1)
    make_groups("bed-1", "node-2", version_1)
    remove_groups("bed-1", version_1)
    assert groups_left("bed-1", version_1) == []
    assert not (version_1 / "memory" / ROOT_NAME).exists()


def test_another_cluster_keeps_its_groups(version_1: Path) -> None:
    make_groups("bed-1", "node-1", version_1)
    make_groups("bed-2", "node-1", version_1)
    remove_groups("bed-1", version_1)
    assert len(groups_left("bed-2", version_1)) == 4
