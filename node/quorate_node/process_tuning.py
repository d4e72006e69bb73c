"""What a member asks of its own process: of the interpreter, its collector and the C library's allocator."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import sys

logger = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.0002
"""A log's thread must get the interpreter back quickly after a sync: with 5 ms, the default, a busy loop delays every commit."""
GARBAGE_THRESHOLDS = (50_000, 20, 100)
"""How seldom the collector looks for cycles: hardly anything on the hot path makes one, and with Python's defaults the search took 3 %
of a busy leader's time."""

MIB = 1024 * 1024
ALLOCATOR = {"M_TRIM_THRESHOLD": (-1, 256 * MIB), "M_TOP_PAD": (-2, 16 * MIB), "M_MMAP_THRESHOLD": (-3, 32 * MIB)}
"""glibc's parameters (malloc.h: number, value). RocksDB takes and frees its memtables in blocks that glibc by default gives back to the
kernel, which then hands out the same pages again, each with a fault and cleared: a tenth of a busy member's time. What is kept is bounded
by what was once in use."""


def tune_process() -> None:
    """Before anything large is allocated."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    if any(name.startswith("MALLOC_") or name == "GLIBC_TUNABLES" for name in os.environ):
        return  # whoever set these has reasons
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        logger.debug("the C library has no mallopt: its allocator is left as it is")
        return
    for name, (parameter, value) in ALLOCATOR.items():
        if not mallopt(parameter, value):
            logger.debug("the C library does not take %s=%d", name, value)


def settle_process() -> None:
    """After the start: what it left lives as long as the process, and the collector need never look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
