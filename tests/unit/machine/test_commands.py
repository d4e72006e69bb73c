"""What stops a member, what is refused in its place, and what is refused before it is proposed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from quorate.wire.commands import (
    ApplicationVersion,
    Batch,
    ClusterVersion,
    Command,
    CommandKind,
    Compact,
    Compare,
    DeleteRange,
    LeaseKeepAlive,
    MemberUpdate,
    Operation,
    Put,
    Range,
    Txn,
)
from quorate.wire.results import DoneResult
from quorate_node.machine import rules
from quorate_node.machine.interface import Refused, UnknownCommand
from quorate_node.machine.kv import KeyValueMachine
from quorate_node.machine.limits import MachineLimits
from quorate_node.machine.metadata import STATE_KEY, MachineState
from quorate_node.protocol.entry import Entry, EntryType
from quorate_node.protocol.membership import Configuration, MemberRecord
from quorate_node.store.errors import FormatTooNew, FormatTooOld, StoreError
from tests.unit.machine.builders import KIND_OF, Member, command, entry

NEXT_VERSION = rules.CLUSTER_VERSION_MAX + 1


def unknown(**changes: int) -> Any:
    return command(Put(b"a"), **changes)


@pytest.mark.parametrize("strange", [unknown(kind=99), unknown(version=2), unknown(kind=99, session=5, seq=1)])
def test_an_unknown_command_stops_the_member_with_nothing_applied(memory_member: Member, strange: Any) -> None:
    known = entry(1, [command(Put(b"a"))])
    with pytest.raises(UnknownCommand, match="entry 2 holds a command of kind"):
        memory_member.machine.apply([known, entry(2, [command(Put(b"b")), strange])])
    assert (memory_member.machine.applied_index, memory_member.machine.revision) == (0, 1)
    memory_member.machine.apply([known])


@pytest.mark.parametrize(
    "strange",
    [
        Entry(1, 1, EntryType.STRIPPED, bytes(32)),
        Entry(1, 1, 9, b""),
        Entry(1, 1, data=b"\xc1"),
        Entry(1, 1, data=msgspec.msgpack.encode(Batch(2, 0, []))),
    ],
)
def test_an_entry_this_release_cannot_read_stops_the_member(memory_member: Member, strange: Entry) -> None:
    with pytest.raises(UnknownCommand, match="entry 1"):
        memory_member.machine.apply([strange])
    assert memory_member.machine.applied_index == 0


def test_a_gap_in_the_log_is_a_bug_that_is_noticed(memory_member: Member) -> None:
    with pytest.raises(AssertionError, match="entry 2 was given to apply where 1 is next"):
        memory_member.machine.apply([entry(2, [])])


def test_an_empty_entry_moves_the_index_alone(memory_member: Member) -> None:
    assert memory_member.apply([Entry(1, 3)]) == [[]]
    assert (memory_member.machine.applied_index, memory_member.machine.applied_term, memory_member.machine.revision) == (1, 3, 1)
    assert memory_member.machine.apply([]) == []


@pytest.mark.parametrize("kind", [kind for kind in CommandKind if kind is not CommandKind.RANGE])
def test_a_payload_of_another_shape_is_refused_equally_everywhere(memory_member: Member, kind: CommandKind) -> None:
    memory_member.one(command(ClusterVersion(rules.CLUSTER_VERSION_MAX), kind=CommandKind.CLUSTER_VERSION))
    result = memory_member.one(command({"no": "such shape"}, kind=kind))
    assert result.error == "MalformedBody"
    with pytest.raises(Refused, match="the payload is not a") as refused:
        memory_member.machine.check(kind, msgspec.msgpack.encode({"no": "such shape"}))
    assert refused.value.error == "MalformedBody"


def test_a_range_is_never_committed(memory_member: Member) -> None:
    assert memory_member.one(command(Range(b"a"), kind=CommandKind.RANGE)).error == "InvalidArgument"
    with pytest.raises(Refused, match="command kind 16 cannot be proposed"):
        memory_member.machine.check(CommandKind.RANGE, msgspec.msgpack.encode(Range(b"a")))


@pytest.mark.parametrize("depth", [17, 200])
def test_nesting_without_end_is_refused_alike_whatever_the_stack(memory_member: Member, depth: int) -> None:
    payload = b"\x93\x90\x91\x94\xc0\xc0\xc0" * depth + b"\x93\x90\x90\x90" + b"\x90" * depth
    with pytest.raises(Refused, match="nest deeper than 16") as refused:
        memory_member.machine.check(CommandKind.TXN, payload)
    nested = Command(int(CommandKind.TXN), 1, 0, 0, 0, "", 0, msgspec.Raw(payload))
    result = memory_member.one(nested)
    assert (result.error, result.message) == (refused.value.error, refused.value.message)


PUT_AND_MORE = msgspec.msgpack.encode([b"a", b"1", 0, False, False, False])[1:]


@pytest.mark.parametrize("kind", [CommandKind.PUT, CommandKind.DELETE_RANGE, CommandKind.TXN])
@pytest.mark.parametrize("depth", [70, 500, 100_000])
def test_what_hides_in_unknown_fields_never_reaches_the_log(memory_member: Member, kind: CommandKind, depth: int) -> None:
    """Skipped by the decoder of one member, too deep for the stack of another: it would stop the cluster."""
    known = {
        CommandKind.PUT: b"\x97" + PUT_AND_MORE,
        CommandKind.DELETE_RANGE: b"\x94" + msgspec.msgpack.encode([b"a", b"", False])[1:],
        CommandKind.TXN: b"\x94\x90\x90\x90",
    }[kind]
    with pytest.raises(Refused, match="deeper than") as refused:
        memory_member.machine.check(kind, known + b"\x91" * depth + b"\x90")
    assert refused.value.error == "TooManyOperations"


def test_unknown_fields_of_a_newer_client_pass_within_bounds(memory_member: Member) -> None:
    for extra in (
        None,
        1.5,
        -1,
        2**40,
        "text" * 20,
        b"b" * 300,
        [1, [2, {"k": [3]}]],
        list(range(1_000)),
        {str(at): at for at in range(50)},
    ):
        payload = b"\x97" + PUT_AND_MORE + msgspec.msgpack.encode(extra)
        memory_member.machine.check(CommandKind.PUT, payload)
        memory_member.machine.check(CommandKind.PUT, msgspec.Raw(payload))
    with pytest.raises(Refused, match="more than 20000 items"):
        memory_member.machine.check(CommandKind.PUT, b"\x97" + PUT_AND_MORE + msgspec.msgpack.encode([0] * 30_000))


def test_a_newer_clients_longer_array_is_understood(memory_member: Member) -> None:
    longer = [b"a", b"1", 0, False, False, False, "a field of the future"]
    assert memory_member.one(command(longer, kind=CommandKind.PUT)).revision == 2


def test_the_cluster_version_only_rises_and_a_newer_one_stops_the_member(memory_member: Member) -> None:
    memory_member.one(command(ClusterVersion(1), kind=CommandKind.CLUSTER_VERSION))
    assert memory_member.machine.cluster_version == 1
    assert memory_member.one(command(ClusterVersion(0), kind=CommandKind.CLUSTER_VERSION)).error == "InvalidArgument"
    with pytest.raises(UnknownCommand, match=f"activates cluster version {NEXT_VERSION}, this release knows up to {NEXT_VERSION - 1}"):
        memory_member.one(command(ClusterVersion(NEXT_VERSION), kind=CommandKind.CLUSTER_VERSION))


def test_the_applications_version_is_replicated(memory_member: Member) -> None:
    memory_member.one(command(ApplicationVersion("counter", 3), kind=CommandKind.APPLICATION_VERSION))
    memory_member.restart(memory_member.store)
    assert memory_member.machine.state.application == ("counter", 3)
    assert memory_member.machine.snapshot_header().application_name == "counter"


def test_members_come_with_the_configuration_and_update_their_addresses(member: Member) -> None:
    configuration = Configuration(voters=(1, 2))
    observer = MemberRecord(1, "a", "peer-a", "client-a", priority=3, non_voting=True)
    records = [observer, MemberRecord(2, "b", "peer-b", "client-b", witness=True)]
    member.machine.apply_membership(Entry(1, 1, EntryType.MEMBERSHIP, b"x"), configuration, records, [])
    update = command(MemberUpdate(1, "c", "peer-c", "client-c"), kind=CommandKind.MEMBER_UPDATE)
    member.machine.apply([entry(2, [update])])
    assert member.machine.members[1] == MemberRecord(1, "c", "peer-c", "client-c", priority=3, non_voting=True)
    member.machine.apply_membership(Entry(3, 1, EntryType.MEMBERSHIP, b"y"), Configuration(voters=(1,)), [], [2])
    (refused,) = member.machine.apply([entry(4, [command(MemberUpdate(2, "", "", ""), kind=CommandKind.MEMBER_UPDATE)])])[0]
    assert refused.error == "MemberNotFound"
    before = member.machine.state
    reopened = KeyValueMachine.open(member.store)
    assert reopened.state == before
    assert (list(reopened.members), reopened.configuration) == ([1], Configuration(voters=(1,)))


@pytest.mark.parametrize(
    ("format_", "error", "text"),
    [
        (3, FormatTooNew, "format is 3 and this release reads up to 2"),
        (1, FormatTooOld, "format is 1, of a development version .* start with an empty data directory"),
    ],
)
def test_a_state_of_another_form_is_not_opened(memory_member: Member, format_: int, error: type[StoreError], text: str) -> None:
    store = memory_member.store
    batch = store.batch()
    batch.put(STATE_KEY, msgspec.msgpack.encode(MachineState(format=format_)), store.family("meta"))
    store.write(batch)
    with pytest.raises(error, match=text):
        KeyValueMachine.open(store)


LIMITS = MachineLimits(key_bytes_max=10, value_bytes_max=20, request_bytes_max=60, keepalive_leases_max=2)
LONG = b"k" * 11
REFUSED = [
    (Put(b""), "EmptyKey", "key is empty"),
    (Put(LONG), "KeyTooLarge", "key is 11 bytes, over key_bytes_max 10: use a shorter key"),
    (Put(b"a", bytes(21)), "ValueTooLarge", "value is 21 bytes, over value_bytes_max 20: store less"),
    (Put(b"a", b"1", ignore_value=True), "InvalidArgument", "value is given together with ignore_value"),
    (Put(b"a", lease=4, ignore_lease=True), "InvalidArgument", "lease 4 is given together with ignore_lease"),
    (DeleteRange(b""), "EmptyKey", "key is empty"),
    (DeleteRange(b"a", LONG), "KeyTooLarge", "range_end is 11 bytes"),
    (Txn((Compare(LONG),)), "KeyTooLarge", "key is 11 bytes"),
    (Txn((), (Operation(txn=Txn((), (Operation(put=Put(LONG)),))),)), "KeyTooLarge", "key is 11 bytes"),
    (Txn((), tuple(Operation(put=Put(b"%d" % at, bytes(9))) for at in range(5))), "BodyTooLarge", "over request_bytes_max 60"),
    (LeaseKeepAlive((1, 2, 3)), "TooManyOperations", "leases names 3, over keepalive_leases_max 2: renew fewer"),
]


@pytest.mark.parametrize(("request_", "error", "text"), REFUSED, ids=lambda value: str(value)[:30])
def test_limits_are_checked_before_a_proposal(memory_member: Member, request_: Any, error: str, text: str) -> None:
    member = Member(memory_member.store, LIMITS)
    with pytest.raises(Refused, match=text) as refused:
        member.machine.check(KIND_OF[type(request_)], msgspec.msgpack.encode(request_))
    assert refused.value.error == error


def test_what_is_at_the_limit_passes(memory_member: Member) -> None:
    member = Member(memory_member.store, LIMITS)
    for request in (
        Put(b"k" * 10, bytes(10)),
        Put(b"a", ignore_value=True),
        DeleteRange(b"a"),
        Compact(1),
        Txn((), (Operation(put=Put(b"a")),)),
    ):
        member.machine.check(KIND_OF[type(request)], msgspec.msgpack.encode(request))


def test_a_larger_request_than_both_limits_names_the_request(memory_member: Member) -> None:
    member = Member(memory_member.store, MachineLimits(request_bytes_max=30, value_bytes_max=60))
    with pytest.raises(Refused, match="the request is 41 bytes, over request_bytes_max 30"):
        member.machine.check(1, msgspec.msgpack.encode(Put(b"a", bytes(40))))


def test_a_long_name_is_refused(memory_member: Member) -> None:
    long = command(MemberUpdate(1, "n" * 2_000, "", ""), kind=CommandKind.MEMBER_UPDATE)
    assert memory_member.one(long).error == "InvalidArgument"
    far = command(ApplicationVersion("a", -1), kind=CommandKind.APPLICATION_VERSION)
    assert memory_member.one(far).error == "InvalidArgument"


def test_those_who_follow_the_log_are_told(memory_member: Member) -> None:
    told: list[int] = []
    memory_member.machine.on_applied(told.append)
    memory_member.one(Put(b"a"))
    memory_member.machine.apply_membership(Entry(2, 1, EntryType.MEMBERSHIP), Configuration(), [], [])
    assert told == [1, 2]


@pytest.mark.parametrize("name", ["watches_max", "range_chunk_keys"])
def test_a_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"machine limit {name} is 0: give a positive number"):
        MachineLimits(**{name: 0})


def test_a_member_update_answers_with_the_revision(memory_member: Member) -> None:
    memory_member.machine.apply_membership(Entry(1, 1, EntryType.MEMBERSHIP), Configuration(), [MemberRecord(1, "a", "p", "c")], [])
    result = memory_member.one(command(MemberUpdate(1, "b", "p", "c"), kind=CommandKind.MEMBER_UPDATE))
    assert result == DoneResult(1)


def test_a_newer_cluster_version_activates_what_belongs_to_it(memory_member: Member, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the next release will: a kind of the next version is refused, before and after proposal, until the entry that activates it."""
    memory_member.options["release"] = rules.Release(1, NEXT_VERSION)
    memory_member.restart(memory_member.store)
    monkeypatch.setitem(rules.RULES, NEXT_VERSION, rules.Rules(transaction_operations_max=1))
    monkeypatch.setitem(rules.KIND_SINCE, int(CommandKind.COMPACT), NEXT_VERSION)
    memory_member.one(Put(b"a"))
    assert memory_member.one(Compact(1)).error == "InvalidArgument"
    with pytest.raises(Refused, match=f"kind 4 needs cluster version {NEXT_VERSION}, this cluster is at 1: upgrade it"):
        memory_member.machine.check(CommandKind.COMPACT, msgspec.msgpack.encode(Compact(1)))
    two = Txn((), (Operation(put=Put(b"a")), Operation(put=Put(b"b"))))
    raised = command(ClusterVersion(NEXT_VERSION), kind=CommandKind.CLUSTER_VERSION)
    assert [getattr(one, "error", "") for one in memory_member.do(two, raised, two, Compact(1))] == ["", "", "TooManyOperations", ""]
    late = command(ClusterVersion(1), kind=CommandKind.CLUSTER_VERSION)
    memory_member.one(late)
    memory_member.restart(memory_member.store)
    assert memory_member.machine.cluster_version == NEXT_VERSION
    del memory_member.options["release"]
    old = f"at cluster version {NEXT_VERSION} and this release applies 1 to {NEXT_VERSION - 1}: run a release that knows it"
    with pytest.raises(FormatTooNew, match=old):
        memory_member.restart(memory_member.store)
