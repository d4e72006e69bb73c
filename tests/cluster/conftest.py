"""Clusters for the fault tests. What a failed test leaves (logs, data, history.jsonl) stays in its temporary directory, which is named."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.harness.cluster import ClusterUnderTest

StartCluster = Callable[..., Awaitable[ClusterUnderTest]]
TEST_TIMEOUT_S = 400
"""Of a test that names no other: several waits of a minute each, of which none is near its end where nothing is wrong."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TEST_TIMEOUT_S))


@pytest.fixture
async def start_cluster(tmp_path: Path) -> AsyncIterator[StartCluster]:
    """Call it with `ClusterUnderTest`'s arguments for a running cluster of voters."""
    async with AsyncExitStack() as stack:

        async def started(members: int = 3, **arguments: Any) -> ClusterUnderTest:
            cluster = await stack.enter_async_context(ClusterUnderTest(tmp_path, members, **arguments))
            await cluster.start()
            return cluster

        yield started


@pytest.fixture(autouse=True)
def _say_where_the_logs_are(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    request.node.user_properties.append(("directory", str(tmp_path)))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    outcome = yield
    report = outcome.get_result()
    directories = [value for name, value in item.user_properties if name == "directory"]
    if report.failed and directories:
        directory = Path(str(directories[0]))
        logs = sorted(directory.glob("**/node.log"))
        tails = "\n".join(f"--- {log}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-25:]) for log in logs)
        report.sections.append(("members", f"everything is kept in {directory}\n{tails}"))


def is_root() -> bool:
    return os.geteuid() == 0


def faketime_library() -> Path | None:
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)


needs_root = pytest.mark.skipif(not is_root(), reason="needs root: mounts a small file system, or makes a time namespace")
needs_faketime = pytest.mark.skipif(faketime_library() is None, reason="needs libfaketime (Debian: apt-get install libfaketime)")
needs_unshare = pytest.mark.skipif(shutil.which("unshare") is None, reason="needs util-linux's unshare")
