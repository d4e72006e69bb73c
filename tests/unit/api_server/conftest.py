from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from quorate_node.kubernetes.client import ApiClient
from quorate_node.kubernetes.settings import ApiServerSettings
from tests.unit.api_server.server import Server, serving, surroundings

SETTINGS = ApiServerSettings(
    request_timeout_s=1.0,
    watch_idle_timeout_s=0.3,
    body_bytes_max=20_000,
    line_bytes_max=5_000,
    page_objects=2,
    objects_max=5,
    backoff_base_s=0.01,
    backoff_max_s=0.02,
)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with serving() as found:
        yield found


@pytest.fixture
async def client(server: Server, tmp_path: Path) -> AsyncIterator[ApiClient]:
    found = ApiClient(surroundings(tmp_path, server.url), SETTINGS, random=lambda: 0.5)
    yield found
    await found.close()
