"""What each kernel may take of a device: registers, no spills, and instructions of the multiplier.

A multiprocessor has 65,536 registers: 128 a thread leave room for 512 threads, one warp more a scheduler than keeps the multiplier busy.
Multiplications are counted: a field multiplication is 73 fused 32 x 32 products, a squaring 45 (reference: gpu.md 2). Should a compiler
stop fusing them, twice as many instructions appear, and the ceiling halves: that is what these budgets are there to notice.
"""

from __future__ import annotations

from dataclasses import dataclass

MULTIPLICATION_WIDE = 73
SQUARING_WIDE = 45


@dataclass(frozen=True)
class Budget:
    """`wide`: at most so many IMAD.WIDE stand in the code; None where loops make the number meaningless."""

    registers: int
    wide: int | None = None
    narrow_share: float = 0.25
    """Of IMADs that are not wide, against the wide ones: address arithmetic, not products."""


BUDGETS: dict[str, Budget] = {
    "generic_prepare": Budget(128),
    # A doubling (4 S, 4 M), a sum with a cached point (8 M) and one with a table's (7 M).
    "generic_sum": Budget(128, 19 * MULTIPLICATION_WIDE + 4 * SQUARING_WIDE + 20),
    "finish_all": Budget(128),
    "slow_all": Budget(128),
    "count_votes": Budget(40),
    "decide_ballots": Budget(40),
    "sha256_chunks": Budget(128),
}
for _bits in (8, 12, 16):
    BUDGETS[f"vote_prepare_{_bits}"] = Budget(128)
    BUDGETS[f"vote_sum_{_bits}"] = Budget(128, 7 * MULTIPLICATION_WIDE + 8)
    BUDGETS[f"vote_together_{_bits}"] = Budget(128)
    BUDGETS[f"table_bases_{_bits}"] = Budget(128)
    BUDGETS[f"table_entries_{_bits}"] = Budget(168)
