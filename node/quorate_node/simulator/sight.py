"""What the simulation sees of its members from outside: who leads, who votes, who has applied what, what is on whose disk."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from quorate_node.machine.interface import Machine
from quorate_node.protocol.membership import Configuration
from quorate_node.protocol.ready import Role
from quorate_node.simulator.file_store import durable_entries
from quorate_node.simulator.host import Host
from quorate_node.store.log_record import decode_anchor, decode_record


def is_leader(host: Host) -> bool:
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.engine.soft_state.role == Role.LEADER


def newest_machine(hosts: Sequence[Host]) -> Machine | None:
    """Of whoever has applied most."""
    members = [host.life.replica.member for host in hosts if host.life is not None]
    return max((member.machine for member in members if member is not None), key=lambda machine: machine.applied_index, default=None)


def belonging(machine: Machine) -> set[int]:
    """The ids of its configuration. Not those of its records: a witness that came later than others has none of them."""
    known = machine.configuration
    return {*known.voters, *known.learners, *known.voters_outgoing, *known.learners_next}


def holds_majority(hosts: Sequence[Host], configuration: Configuration) -> bool:
    """Whether these machines can commit in it: with a majority of its voters, and of those that leave while it is joint."""
    present = {host.life.storage.member_id for host in hosts if host.life is not None}
    halves = [half for half in (configuration.voters, configuration.voters_outgoing) if half]
    return all(2 * len(present.intersection(half)) > len(half) for half in halves)


def newest_cluster_version(hosts: Sequence[Host]) -> int:
    members = [host.life.replica.member for host in hosts if host.life is not None]
    return max((member.machine.cluster_version for member in members if member is not None), default=0)


def voters_seen(hosts: Sequence[Host]) -> tuple[int, ...]:
    """Of the newest configuration that anybody has applied; empty while it changes."""
    machine = newest_machine(hosts)
    return () if machine is None or machine.configuration.voters_outgoing else machine.configuration.voters


def is_voter(host: Host) -> bool:
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.engine.raft.id in member.machine.configuration.voters


def caught_up(host: Host, hosts: Sequence[Host]) -> bool:
    members = [other.life.replica.member for other in hosts if other.life is not None]
    highest = max((member.machine.applied_index for member in members if member is not None), default=0)
    member = host.life.replica.member if host.life is not None else None
    return member is not None and member.machine.applied_index >= highest - 2


def durable_log(host: Host) -> tuple[int, int, Callable[[int], int]]:
    """(first, last, term at an index) of what power loss leaves."""
    if host.disk.files is not None:
        floor, last, entry_at = durable_entries(host.disk.files, host.store_settings, host.options.log_segment_bytes)

        def term_of(index: int) -> int:
            entry = entry_at(index)
            return entry.term if entry is not None else 0

        return floor + 1, last, term_of
    contents = host.disk.durable
    anchor = decode_anchor(contents["anchor"])
    floor = anchor.index if anchor is not None else 0
    records = contents["records"]

    def term_at(index: int) -> int:
        decoded = decode_record(index, records.get(index))
        return decoded[0].term if decoded is not None else 0

    return floor + 1, max(records, default=floor), term_at
