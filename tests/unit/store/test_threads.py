"""One thread writes, one compacts and scrubs, the loop's thread reads: nobody sees damage that is none."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from quorate_node.protocol.ready import HardState
from quorate_node.store.errors import Compacted, Unavailable
from tests.unit.store.support import SETTINGS, VOTERS, MakeMember, entries, persist

ROUNDS = 120
PER_ROUND = 10


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
            while not writing.done():
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
