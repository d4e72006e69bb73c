"""What is built for the test cluster, and under which key it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.binaries.recipes import Recipe, kubernetes, recipes, required_version

NEEDED = {
    "coredns",
    "etcd",
    "etcdctl",
    "helm",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
    "kwok",
    "pause",
}


def module(directory: Path, text: str) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "go.mod").write_text(text)
    return directory


def test_every_program_is_made_by_exactly_one_recipe() -> None:
    made = [program for recipe in recipes() for program in recipe.programs]
    assert sorted(made) == sorted(NEEDED)


def test_a_version_is_read_from_a_requirement_on_its_own_and_in_a_block(tmp_path: Path) -> None:
    assert required_version(module(tmp_path, "require a.b/c v1.2.3\n"), "a.b/c") == "v1.2.3"
    assert required_version(module(tmp_path, "require (\n\ta.b/cc v9.0.0\n\ta.b/c v1.2.3\n)\n"), "a.b/c") == "v1.2.3"


def test_a_module_that_requires_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"requires no a\.b/c"):
        required_version(module(tmp_path, "require a.b/d v1.2.3\n"), "a.b/c")


def test_another_pinned_dependency_or_flag_is_another_key(tmp_path: Path) -> None:
    def key(text: str, flags: str = "-s") -> str:
        return Recipe("x", "v1", {"x": "x"}, ("a.b/x",), module(tmp_path / "m", text), flags).key

    assert key("one") == key("one")
    assert len({key("one"), key("two"), key("one", "-w")}) == 3
    assert key("one").startswith("x-v1-")


def test_every_staging_module_has_the_release_of_kubernetes_itself() -> None:
    """v1.X.Y of Kubernetes goes with v0.X.Y of its parts: a mixture builds and misbehaves."""
    recipe = kubernetes()
    assert recipe.module is not None
    release = recipe.version.replace("v1.", "v0.", 1)
    replaced = [line.split() for line in (recipe.module / "go.mod").read_text().splitlines() if " => " in line]
    assert len(replaced) == 31
    assert [line for line in replaced if line[0] != line[2] or line[3] != release] == []


def test_the_server_is_stamped_with_its_version() -> None:
    assert f"gitVersion={kubernetes().version}" in kubernetes().link_flags
    assert "gitMinor=34" in kubernetes().link_flags
