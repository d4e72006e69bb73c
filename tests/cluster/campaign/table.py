"""All faults, what this machine can do of them, and the choice by `--faults`."""

from __future__ import annotations

from collections.abc import Collection

from tests.cluster.campaign.fault_cluster import CLUSTER_FAULTS
from tests.cluster.campaign.fault_disk import DISK_FAULTS
from tests.cluster.campaign.fault_failpoint import FAILPOINT_FAULTS
from tests.cluster.campaign.fault_network import NETWORK_FAULTS
from tests.cluster.campaign.fault_process import PROCESS_FAULTS
from tests.cluster.campaign.faults import Fault
from tests.cluster.conftest import faketime_library
from tests.cluster.shim.disk_fault import build

FAULTS: tuple[Fault, ...] = (*PROCESS_FAULTS, *DISK_FAULTS, *FAILPOINT_FAULTS, *NETWORK_FAULTS, *CLUSTER_FAULTS)
KINDS: tuple[str, ...] = tuple(dict.fromkeys(fault.kind for fault in FAULTS))


def missing_capabilities(log_backend: str) -> dict[str, str]:
    """Capability -> why it is not to be had."""
    missing: dict[str, str] = {}
    if faketime_library() is None:
        missing["faketime"] = "libfaketime is not installed (Debian: apt-get install libfaketime)"
    elif log_backend != "file":
        missing["faketime"] = "libfaketime breaks threads' timed waits, and this run's log has a thread (another seed has the file log)"
    try:
        build()
    except RuntimeError as error:
        missing["shim"] = str(error)
    return missing


def choose(wanted: Collection[str], log_backend: str) -> tuple[list[Fault], dict[str, str]]:
    """(the faults to draw from, those left out with the reason). `wanted`: kinds or names; empty: all.

    Raises ValueError for a word that is neither.
    """
    known = {*KINDS, *(fault.name for fault in FAULTS)}
    for word in wanted:
        if word not in known:
            names = ", ".join(fault.name for fault in FAULTS)
            raise ValueError(f"faults: {word!r} is no fault and no kind; kinds: {', '.join(KINDS)}; faults: {names}")
    missing = missing_capabilities(log_backend)
    chosen, left_out = [], {}
    for fault in FAULTS:
        if wanted and fault.kind not in wanted and fault.name not in wanted:
            continue
        if fault.needs in missing:
            left_out[fault.name] = missing[fault.needs]
        else:
            chosen.append(fault)
    return chosen, left_out
