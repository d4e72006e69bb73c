"""Which files of tests run on which of several clusters side by side: a test mostly waits, so two clusters cost little more than one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

VARIABLE = "QUORATE_KUBERNETES_SHARD"
"""`NUMBER/OF`, numbers from 1, or `alone`, or `again`; not set: all of them."""
ALONE = "alone"
AGAIN = "again"
"""Those that are named, whatever cluster they failed on."""
NEEDS_THE_MACHINE = frozenset({"test_hundred_clusters.py"})
"""What they measure takes all of two cores: they run when the others have ended, where those run side by side."""
MEASURED_S = {
    "test_certificates.py": 360,
    "test_operator_crashes.py": 420,
    "test_install.py": 250,
    "test_life.py": 230,
    "test_trouble.py": 230,
    "test_drift.py": 150,
    "test_two_operators.py": 130,
    "test_api_server_away.py": 120,
    "test_failover.py": 110,
    "test_members.py": 100,
    "test_leader_service.py": 100,
    "test_injection.py": 150,
    "test_expansion.py": 90,
    "test_bed.py": 90,
}
"""What a file takes, roughly: so that the clusters end at about the same time."""
UNKNOWN_S = 60


def shares(files: Iterable[str], of: int, measured_s: Mapping[str, int] = MEASURED_S) -> list[set[str]]:
    """`of` sets of file names, about as long each: the longest first, always to whoever has least. The same in every process."""
    made: list[set[str]] = [set() for _ in range(of)]
    total_s = [0] * of
    for name in sorted(set(files), key=lambda name: (-measured_s.get(name, UNKNOWN_S), name)):
        least = total_s.index(min(total_s))
        made[least].add(name)
        total_s[least] += measured_s.get(name, UNKNOWN_S)
    return made


def own_share(files: Iterable[str]) -> set[str]:
    """Those of `files` that this process runs. Raises `ValueError` where the variable says something else."""
    text, found = os.environ.get(VARIABLE), set(files)
    if text is None or text == AGAIN:
        return found
    if text == ALONE:
        return found & NEEDS_THE_MACHINE
    number, _, of = text.partition("/")
    if not (number.isdigit() and of.isdigit() and 1 <= int(number) <= int(of)):
        raise ValueError(f"{VARIABLE} is {text!r}: it must be NUMBER/OF with 1 <= NUMBER <= OF, or {ALONE}")
    return shares(found - NEEDS_THE_MACHINE, int(of))[int(number) - 1]
