"""What the tests of the simulator share."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture
def silent_logs() -> Iterator[None]:
    """Members under faults log what happens to them, which is no news here and takes a good part of a run's time."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
