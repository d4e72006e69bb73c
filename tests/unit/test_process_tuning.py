"""What a member asks of its process takes effect there, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(script: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=kept | environment, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout.strip()


FAULTS = """
import resource, ctypes
from quorate_node.process_tuning import tune_process
{tuned}
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
def round_trip():
    blocks = [libc.malloc(1 << 20) for _ in range(64)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 20)
    for block in blocks:
        libc.free(block)
round_trip()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    round_trip()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_that_was_freed_is_used_again_without_a_fault_a_page() -> None:
    naive, tuned = int(run(FAULTS.format(tuned=""))), int(run(FAULTS.format(tuned="tune_process()")))
    assert naive > 50_000 > 20_000 > tuned


def test_an_allocator_that_somebody_else_has_set_is_left_alone() -> None:
    faults = int(run(FAULTS.format(tuned="tune_process()"), MALLOC_MMAP_THRESHOLD_="65536"))
    assert faults > 50_000


def test_the_collector_looks_seldom_and_never_at_what_the_start_left() -> None:
    script = "import gc; import quorate_node.process_tuning as p; p.settle_process(); print(gc.get_threshold(), gc.get_freeze_count() > 99)"
    found = run(script)
    assert found == "(50000, 20, 100) True"
