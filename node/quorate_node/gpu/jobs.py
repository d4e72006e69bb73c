"""kernels/job.h's `Job` in ctypes: addresses and counts of a batch, for the host library and for the device alike."""

from __future__ import annotations

import ctypes

FIELDS = (
    "count",
    "votes",
    "ballots",
    "ballot_count",
    "validator_count",
    "validator_keys",
    "tables",
    "base_table",
    "keys",
    "signatures",
    "offsets",
    "text",
    "multiples",
    "digits",
    "points",
    "verdicts",
    "slow",
    "weights",
    "thresholds",
    "voted",
    "tallies",
    "stride",
)
"""In the order of the header; eight bytes each."""


class Job(ctypes.Structure):
    """Addresses are of host memory for the library, of device memory for kernels; 0 for what a kernel does not look at."""

    _fields_ = [(name, ctypes.c_uint64) for name in FIELDS]


TABLE_FIELDS = ("keys", "encoded", "bases", "prefixes", "table", "negative", "first_run", "all_runs")


class TableJob(ctypes.Structure):
    """kernels/table.h's `TableJob`."""

    _fields_ = [(name, ctypes.c_uint64) for name in TABLE_FIELDS]


class ChunkJob(ctypes.Structure):
    """kernels/sha256.h's `ChunkJob`. `prefix`: a byte, or `NO_PREFIX`."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("count", "prefix", "offsets", "data", "digests")]


NO_PREFIX = 2**64 - 1

WIDTHS = (8, 12, 16)
"""Bits of a table's windows that there is code for."""
KERNELS = (
    *(f"{kernel}_{bits}" for bits in WIDTHS for kernel in ("vote_prepare", "vote_sum", "vote_together", "table_bases", "table_entries")),
    "generic_prepare",
    "generic_sum",
    "finish_all",
    "slow_all",
    "count_votes",
    "decide_ballots",
    "sha256_chunks",
)
"""Entry points of kernels/kernels.cu."""


def windows(bits: int) -> int:
    """Windows of a scalar: `Windows<bits>::count`."""
    return (252 + bits) // bits


def entries(bits: int) -> int:
    """Entries of one key's table: `Table<bits>::entries`."""
    return windows(bits) * ((1 << (bits - 1)) + 1)
