"""One thread writes, one compacts and scrubs, the loop's thread reads: nobody sees damage that is none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest

from quorate_node.protocol.ready import HardState
from quorate_node.store.errors import Compacted, Unavailable
from tests.unit.store.support import SETTINGS, VOTERS, MakeMember, entries, persist

ROUNDS = 1000
PER_ROUND = 10


@pytest.fixture(autouse=True)
def quick_switching() -> Iterator[None]:
    """Three busy threads: a short turn gives more ways to interleave."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(0.0002)
    yield
    sys.setswitchinterval(interval)


def test_reading_while_others_write_compact_and_scrub(make_member: MakeMember) -> None:
    log = make_member(replace(SETTINGS, log_cache_entries_max=32)).log
    wrong: list[BaseException] = []
    stop = threading.Event()

    def housekeeping() -> None:
        try:
            while not stop.is_set():
                if log.last_index() - log.first_index() > 3 * PER_ROUND:
                    log.compact(log.last_index() - 2 * PER_ROUND, VOTERS)
                assert log.scrub(log.first_index(), log.last_index() + 1) == []
                # Two threads that do nothing but short reads hand the interpreter's lock to each other, and the writer starves.
                stop.wait(0.001)
        except BaseException as error:
            wrong.append(error)

    keeper = threading.Thread(target=housekeeping)
    keeper.start()
    with ThreadPoolExecutor(1) as writer:
        for number in range(ROUNDS):
            # Every other round replaces the end of the one before.
            low = log.last_index() + 1 - (number % 2) * 3
            batch = [persist(entries(low, low + PER_ROUND, 1 + number), hard_state=HardState(1 + number, 1, 0))]
            writing = writer.submit(log.write, batch)
            while not wait([writing], timeout=0.0002).done:
                try:
                    first, last = log.first_index(), log.last_index()
                    if first <= last - 3:
                        assert [one.index for one in log.entries(first, last - 3, 1 << 20)] == list(range(first, last - 3))
                        log.term(first - 1)
                except (Compacted, Unavailable):
                    # The other thread was quicker: that is an answer, damage would be a lie.
                    assert log.first_index() > first
            writing.result()
            log.written(batch)
    stop.set()
    keeper.join()
    assert wrong == []
    assert log.damaged() == []
