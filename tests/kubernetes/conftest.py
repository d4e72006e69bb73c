"""The cluster under test: the one that KUBECONFIG names, else the bed, in whose namespaces the tests then run."""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.kubernetes.audit import Audit
from tests.kubernetes.bed.bed import Bed
from tests.kubernetes.bed.volumes import recycle_released
from tests.kubernetes.binaries.build import programs
from tests.kubernetes.consensus_cluster import ConsensusCluster
from tests.kubernetes.installation import NAMESPACE, RELEASE, ChartOperator, Installation
from tests.kubernetes.kubectl import Kubectl, condition, eventually
from tests.kubernetes.liar import CSR, LIARS, Liar
from tests.kubernetes.operator_process import OperatorProcess, cluster_wide_objects
from tests.kubernetes.prepare import BUILD
from tests.kubernetes.second_chance import note_failed
from tests.kubernetes.settings import (
    AUDIT_VARIABLE,
    IMAGE,
    IMAGE_VARIABLE,
    IMAGES_VARIABLE,
    INSIDE_VARIABLE,
    LOGS_VARIABLE,
    STATE_VARIABLE,
)
from tests.kubernetes.shards import own_share
from tests.kubernetes.target import Target

RUN_WITH = "run `make test-kubernetes`, or name a cluster with KUBECONFIG"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """This cluster's share of the files; and waiting for pods takes longer than the suite's usual patience."""
    own = own_share(item.path.name for item in items)
    config.hook.pytest_deselected(items=[item for item in items if item.path.name not in own])
    items[:] = [item for item in items if item.path.name in own]
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def _running_bed() -> Iterator[Bed | None]:
    if os.environ.get("KUBECONFIG"):
        yield None
        return
    if STATE_VARIABLE not in os.environ:
        pytest.fail(f"there is no cluster to test on: {RUN_WITH}", pytrace=False)
    images = [Path(name) for name in os.environ[IMAGES_VARIABLE].split(os.pathsep)]
    bed = Bed(programs(), images, Path(os.environ[STATE_VARIABLE]), Path(os.environ[LOGS_VARIABLE]))
    try:
        bed.start()
        yield bed
    finally:
        bed.stop()


@pytest.fixture(scope="session")
def target(_running_bed: Bed | None) -> Target:
    if _running_bed is not None:
        return Target(_running_bed.kubectl, IMAGE, _running_bed)
    return Target(Kubectl("kubectl", os.environ["KUBECONFIG"]), os.environ.get(IMAGE_VARIABLE, IMAGE), None)


@pytest.fixture(scope="session")
def kubectl(target: Target) -> Kubectl:
    return target.kubectl


@pytest.fixture(scope="session")
def bed(_running_bed: Bed | None) -> Bed:
    """For tests that take hold of the cluster's own parts: nobody may do that on a cluster of somebody else's."""
    if _running_bed is None:
        pytest.skip("stops parts of the cluster itself: done on the bed, never on a cluster that KUBECONFIG names")
    return _running_bed


@pytest.fixture(scope="session")
def reaches_pods(_running_bed: Bed | None) -> None:
    """For tests whose own processes talk to pods: that goes where they run on the cluster's own network."""
    if _running_bed is None and INSIDE_VARIABLE not in os.environ:
        pytest.skip("the tests' own operator must reach pods' addresses: done on the bed, not through a KUBECONFIG from outside")


@pytest.fixture
def operator(target: Target, namespace: str, reaches_pods: None, tmp_path: Path) -> Iterator[OperatorProcess]:
    """An operator of the test's own for its namespace alone, as a process that it may start and end as it likes. Not yet started."""
    made = OperatorProcess(target, namespace, tmp_path / "operator.log")
    target.kubectl.apply(cluster_wide_objects())
    yield made
    made.kill()


@pytest.fixture(scope="session")
def installation(target: Target) -> Iterator[Installation]:
    """The operator, by the chart, in a namespace under Pod Security `restricted`. Where it was not
    there before it is taken away afterwards."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
    target.kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}])
    if target.bed is not None:
        made = Installation(target, programs()["helm"], target.bed.control_plane.kubeconfig)
    else:
        made = Installation(target, Path(shutil.which("helm") or "helm"), Path(os.environ["KUBECONFIG"]))
    there = made.is_there()
    made.install()
    yield made
    if not there:
        made("uninstall", RELEASE, "--wait")


@pytest.fixture(scope="session")
def _chart_operator(target: Target) -> ChartOperator:
    return ChartOperator(target)


@pytest.fixture(autouse=True)
def _one_operator(request: pytest.FixtureRequest) -> None:
    """One test's operator, or the chart's: not both."""
    named = {"operator", "installation"} & set(request.fixturenames)
    if named:
        chart: ChartOperator = request.getfixturevalue("_chart_operator")
        chart.wake() if "installation" in named else chart.rest()


@pytest.fixture
def audit(target: Target) -> Audit | None:
    """What was asked of the API server from here on. None on a cluster that KUBECONFIG names: its record is its owner's."""
    if target.bed is not None:
        return Audit(target.bed.control_plane.audit_log)
    named = os.environ.get(AUDIT_VARIABLE)
    return Audit(Path(named)) if named else None


@pytest.fixture
def cluster(target: Target, installation: Installation, namespace: str) -> ConsensusCluster:
    """Not yet applied."""
    return ConsensusCluster(target, namespace)


@pytest.fixture
def liar(target: Target, tmp_path: Path) -> Iterator[Liar]:
    yield Liar(target, tmp_path)
    for item in target.kubectl.list(CSR):
        if item["metadata"]["name"].startswith(LIARS):
            target.kubectl("delete", CSR, item["metadata"]["name"])


@pytest.fixture(autouse=True)
def _nodes_are_ready(_running_bed: Bed | None) -> None:
    """A test that stopped a part of the cluster may leave nodes that are on their way back: the next one begins when they are there."""
    if _running_bed is not None:
        bed = _running_bed
        eventually("all nodes are ready", lambda: _not_ready(bed), 180)


def _not_ready(bed: Bed) -> str:
    names = {node.name for node in bed.nodes}
    nodes = [node for node in bed.kubectl.list("nodes") if node["metadata"]["name"] in names]
    wrong = [node["metadata"]["name"] for node in nodes if node["spec"].get("taints") or not condition(node, "Ready")]
    return f"{', '.join(wrong)} is not" if wrong or len(nodes) < len(names) else ""


@pytest.fixture
def namespace(target: Target, request: pytest.FixtureRequest) -> Iterator[str]:
    """A namespace of the test's own under Pod Security `restricted`; it goes afterwards, and its volumes are given back in time."""
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:40].strip("-") + "-" + uuid.uuid4().hex[:6]
    if target.bed is not None:
        recycle_released(target.kubectl)
    labels = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/enforce-version": "latest"}
    target.kubectl.apply([{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}])
    # A pod without an account is refused for good; a controller manager that has just lost its API server makes them late.
    eventually("the namespace has its account", lambda: _without_account(target, name), 60)
    yield name
    if request.node.stash.get(FAILED, False):
        target.describe(name, Path(os.environ.get(LOGS_VARIABLE) or BUILD / "logs") / name)
    target.remove_namespace(name)


def _without_account(target: Target, namespace: str) -> str:
    names = [each["metadata"]["name"] for each in target.kubectl.list("serviceaccounts", namespace)]
    return "" if "default" in names else f"there are {names}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests that passed have measured, which is why some of them are run at all."""
    told = [(each.nodeid, each.capstdout.strip()) for each in terminalreporter.stats.get("passed", []) if each.when == "call"]
    figures = [(nodeid.rpartition("::")[2], text) for nodeid, text in told if text]
    if figures:
        terminalreporter.section("measured")
        for name, text in figures:
            terminalreporter.write_line(f"{name}: {'; '.join(text.splitlines())[:FIGURE_CHARACTERS_MAX]}")


FIGURE_CHARACTERS_MAX = 300
FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        if LOGS_VARIABLE in os.environ:
            note_failed(Path(os.environ[LOGS_VARIABLE]), item.nodeid)
    return report
