"""What clients ask for: every form of the API, and nothing that would be refused for its form alone."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest

from quorate.wire.commands import Put, Range, Txn
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.rules import CLUSTER_VERSION_FIRST
from quorate_node.machine.validation import Validation
from quorate_node.simulator.checkers.attribution import values_of
from quorate_node.simulator.options import draw
from quorate_node.simulator.requests import Requests
from quorate_node.simulator.workload import KINDS

DRAWN = 300


def drawn(seed: int) -> list[Any]:
    options = draw(seed)
    requests = Requests(1, Random(seed), options)
    requests.revision = 50
    several = [requests.put, requests.delete, requests.txn, requests.compact, lambda: requests.put(lease=3)]
    return [make() for _ in range(DRAWN) for make in several]


@pytest.mark.parametrize("seed", range(10))
def test_no_command_is_refused_for_its_form(seed: int) -> None:
    validation = Validation(MachineLimits())
    for request in drawn(seed):
        validation.check(KINDS[type(request)], msgspec.msgpack.encode(request), CLUSTER_VERSION_FIRST)


def test_a_value_names_its_write() -> None:
    values = [value for request in drawn(3) for value in values_of(request) if value]
    assert len(values) == len(set(values))
    assert len(values) > DRAWN


def test_transactions_nest_and_delete_ranges_and_reads_look_back() -> None:
    options = draw(0)
    load = msgspec.structs.replace(options.load, nested=0.3, several=0.6, past=0.5)
    requests = Requests(1, Random(1), msgspec.structs.replace(options, keys=5, load=load))
    requests.revision = 50
    txns = [requests.txn() for _ in range(DRAWN)]
    steps = [step for txn in txns for step in (*txn.success, *txn.failure)]
    assert any(step.txn is not None and any(inner.txn is not None for inner in step.txn.success) for step in steps)
    assert any(step.delete_range is not None and step.delete_range.range_end for step in steps)
    reads = [requests.read() for _ in range(DRAWN)]
    assert {read.revision > 0 for read in reads} == {True, False}
    assert any(isinstance(request, Txn) and request.compare for request in txns)
    assert all(isinstance(read, Range) for read in reads)
    assert any(isinstance(put, Put) and put.ignore_value for put in (requests.put() for _ in range(DRAWN)))
