"""The directives of etcd's interaction tests."""

from __future__ import annotations

from collections.abc import Callable

from quorate_node.protocol.membership import ChangeKind, Configuration, MembershipChange, SingleChange, Transition
from quorate_node.protocol.message import Message, MessageType, SnapshotMetadata
from quorate_node.protocol.raft import ProposalDropped
from quorate_node.protocol.raft.trace import TRACE_NAMES
from tests.conformance.raft import describe
from tests.conformance.raft.datadriven import Argument, Directive, parse_line
from tests.conformance.raft.environment import DROPPED, LEVELS, Environment
from tests.conformance.raft.memory_log import StorageError

UNLIMITED = 2**62
ETCD_DEFAULTS: dict[str, object] = {
    "election_ticks": 3,
    "heartbeat_ticks": 1,
    "pre_vote": False,
    "check_quorum": False,
    "append_bytes_max": UNLIMITED,
    "inflight_messages_max": 2**31 - 1,
    "inflight_bytes_max": UNLIMITED,
    "uncommitted_bytes_max": 0,
    "committed_bytes_per_ready_max": UNLIMITED,
    "snapshot_retry_ticks": 0,
    "hand_over_on_removal": False,
    "replace_refused_membership": True,
    "disable_proposal_forwarding": False,
}
_KINDS = {"v": ChangeKind.ADD_VOTER, "l": ChangeKind.ADD_LEARNER, "r": ChangeKind.REMOVE, "u": ChangeKind.UPDATE}
_TRANSITIONS = {"auto": Transition.AUTO, "implicit": Transition.JOINT_IMPLICIT, "explicit": Transition.JOINT_EXPLICIT}
_MESSAGE_NAMES = {
    *TRACE_NAMES.values(),
    "MsgStorageAppend",
    "MsgStorageAppendResp",
    "MsgStorageApply",
    "MsgStorageApplyResp",
}
Arguments = tuple[Argument, ...]


class Refused(Exception):
    """An error that the directive prints."""


def run(environment: Environment, directive: Directive) -> str:
    """Carry out a directive; what it prints, "ok" for nothing."""
    environment.output.take()
    error = ""
    try:
        if directive.command == "propose-conf-change":
            _propose_membership(environment, directive.arguments, directive.body)
        else:
            _single(environment, directive.command, directive.arguments)
            for line in directive.body.splitlines():
                _extra(environment, line)
    except (Refused, StorageError) as refused:
        error = str(refused)
    if environment.output.quiet():
        return error or "ok"
    return (environment.output.take() + error) or "ok"


def _extra(environment: Environment, line: str) -> None:
    """Lines of the body are directives of their own, whose errors do not end the others."""
    command, arguments = parse_line(line)
    try:
        _single(environment, command, arguments)
    except (Refused, StorageError) as refused:
        if environment.output.quiet():
            raise
        environment.output.write(str(refused))


def _single(environment: Environment, command: str, arguments: Arguments) -> None:
    handler = _DIRECTIVES.get(command)
    if handler is None:
        raise Refused("unknown command")
    handler(environment, arguments)


def _positions(arguments: Arguments) -> list[int]:
    return [int(argument.key) - 1 for argument in arguments if not argument.values]


def _first(environment: Environment, arguments: Arguments) -> int:
    return int(arguments[0].key) - 1


def parse_changes(text: str) -> tuple[SingleChange, ...]:
    singles = []
    for token in text.split():
        if len(token) < 2:
            raise Refused(f"unknown token {token}")
        if token[0] not in _KINDS:
            raise Refused(f"unknown input: {token}")
        singles.append(SingleChange(_KINDS[token[0]], int(token[1:])))
    return tuple(singles)


def _propose_membership(environment: Environment, arguments: Arguments, body: str) -> None:
    node = environment.nodes[_first(environment, arguments)]
    simple = False
    transition = Transition.AUTO
    for argument in arguments[1:]:
        for value in argument.values:
            if argument.key == "v1":
                simple = value in ("true", "1", "t", "T", "TRUE", "True")
            elif argument.key == "transition":
                if value not in _TRANSITIONS:
                    raise Refused(f"unknown transition {value}")
                transition = _TRANSITIONS[value]
            else:
                raise Refused(f"unknown command {argument.key}")
    singles = parse_changes(body)
    if simple and (len(singles) > 1 or transition is not Transition.AUTO):
        raise Refused("v1 conf change can only have one operation and no transition")
    _proposing(lambda: node.raft.propose_membership(MembershipChange(singles, transition), simple=simple))


def _proposing(propose: Callable[[], int]) -> None:
    try:
        propose()
    except ProposalDropped as dropped:
        raise Refused(DROPPED) from dropped


def _propose(environment: Environment, arguments: Arguments) -> None:
    node = environment.nodes[_first(environment, arguments)]
    assert len(arguments) == 2 and not arguments[1].values, f"one entry, not {arguments[1:]}"
    _proposing(lambda: node.raft.propose(arguments[1].key.encode()))


def _add_nodes(environment: Environment, arguments: Arguments) -> None:
    options = dict(ETCD_DEFAULTS)
    voters: tuple[int, ...] = ()
    learners: tuple[int, ...] = ()
    index = 0
    bootstrap = False
    asynchronous = False
    flags = {
        "prevote": "pre_vote",
        "checkquorum": "check_quorum",
        "disable-conf-change-validation": "disable_membership_validation",
        "step-down-on-removal": "step_down_on_removal",
    }
    numbers = {"inflight": "inflight_messages_max", "max-committed-size-per-ready": "committed_bytes_per_ready_max"}
    for argument in arguments[1:]:
        for value in argument.values:
            bootstrap = bootstrap or argument.key in ("voters", "learners", "index", "content")
            if argument.key == "voters":
                voters += (int(value),)
            elif argument.key == "learners":
                learners += (int(value),)
            elif argument.key == "index":
                index = int(value)
            elif argument.key == "async-storage-writes":
                asynchronous = value == "true"
            elif argument.key in flags:
                options[flags[argument.key]] = value == "true"
            elif argument.key in numbers:
                options[numbers[argument.key]] = int(value)
            elif argument.key == "read-only":
                if value not in ("safe", "lease-based"):
                    raise Refused(f'invalid read-only option "{value}"')
                options["lease_based_reads"] = value == "lease-based"
    start = SnapshotMetadata(index, 1, Configuration(voters=voters, learners=learners)) if bootstrap else None
    environment.add_nodes(int(arguments[0].key), options, start, asynchronous)


def _process(header: str, work: str) -> Callable[[Environment, Arguments], None]:
    def handler(environment: Environment, arguments: Arguments) -> None:
        positions = _positions(arguments)
        for position in positions:
            process: Callable[[int], None] = getattr(environment, work)
            if len(positions) > 1:
                environment.output.line(f"> {position + 1} {header}")
                environment.output.indented(lambda at=position, run=process: run(at))  # type: ignore[misc]
            else:
                process(position)

    return handler


def _deliver(environment: Environment, arguments: Arguments) -> None:
    recipients: list[tuple[int, bool]] = []
    name = None
    for argument in arguments:
        if not argument.values:
            recipients.append((int(argument.key), False))
        for value in argument.values:
            if argument.key == "drop":
                assert (int(value), False) not in recipients, f"cannot both deliver and drop messages to {value}"
                recipients.append((int(value), True))
            elif argument.key == "type":
                assert value in _MESSAGE_NAMES, f"unknown message type {value}"
                name = value
    if environment.deliver(recipients, name) == 0:
        environment.output.line("no messages")


def _stabilize(environment: Environment, arguments: Arguments) -> None:
    level = environment.output.level
    for argument in arguments:
        if argument.key == "log-level":
            _set_level(environment, argument.values[0])
    try:
        environment.stabilize(_positions(arguments) or list(range(len(environment.nodes))))
    finally:
        environment.output.level = level


def _set_level(environment: Environment, name: str) -> None:
    if name.upper() not in LEVELS:
        raise Refused(f"log levels must be either of [{' '.join(LEVELS)}]")
    environment.output.level = LEVELS.index(name.upper())


def _raft_log(environment: Environment, arguments: Arguments) -> None:
    log = environment.nodes[_first(environment, arguments)].log
    first, last = log.first_index(), log.last_index()
    if last < first:
        environment.output.write(f"log is empty: first index={first}, last index={last}")
        return
    environment.output.write(describe.entries(log.entries(first, last + 1, UNLIMITED)))


def _compact(environment: Environment, arguments: Arguments) -> None:
    environment.nodes[_first(environment, arguments)].log.compact(int(arguments[1].key))
    _raft_log(environment, arguments)


def _raft_state(environment: Environment, arguments: Arguments) -> None:
    for node in environment.nodes:
        core = node.raft.core
        voter = "(Voter)" if core.id in core.tracker.members.voters() else "(Non-Voter)"
        role = describe.ROLE_NAMES[core.role]
        environment.output.line(f"{core.id}: {role} {voter} Term:{core.term} Lead:{core.leader}")


def _status(environment: Environment, arguments: Arguments) -> None:
    raft = environment.nodes[_first(environment, arguments)].raft
    for member in raft.status().progress:
        environment.output.line(f"{member}: {raft.core.tracker.progress[member]}")


def _tick(setting: str) -> Callable[[Environment, Arguments], None]:
    def handler(environment: Environment, arguments: Arguments) -> None:
        node = environment.nodes[_first(environment, arguments)]
        for _ in range(getattr(node.config, setting)):
            node.raft.tick()

    return handler


def _send_snapshot(environment: Environment, arguments: Arguments) -> None:
    source, target = _positions(arguments)
    node = environment.nodes[source]
    message = Message(
        MessageType.SNAPSHOT, to=target + 1, sender=source + 1, term=node.raft.term, snapshot=node.log.snapshot()
    )
    environment.messages.append(message)
    environment.output.write(describe.message(message))


def _campaign(environment: Environment, arguments: Arguments) -> None:
    environment.nodes[_first(environment, arguments)].raft.campaign()


def _forget_leader(environment: Environment, arguments: Arguments) -> None:
    environment.nodes[_first(environment, arguments)].raft.forget_leader()


def _report_unreachable(environment: Environment, arguments: Arguments) -> None:
    positions = _positions(arguments)
    if len(positions) != 2:
        raise Refused("must specify exactly two node indexes: node on which to report, and reported node")
    environment.nodes[positions[0]].raft.report_unreachable(positions[1] + 1)


def _transfer(environment: Environment, arguments: Arguments) -> None:
    named = {argument.key: int(argument.values[0]) for argument in arguments}
    environment.nodes[named["from"] - 1].raft.transfer_leadership(named["to"])


def _set_timeout(environment: Environment, arguments: Arguments) -> None:
    named = {argument.key: argument.values for argument in arguments[1:]}
    environment.nodes[_first(environment, arguments)].raft.core.randomized_election_ticks = int(named["timeout"][0])


_DIRECTIVES: dict[str, Callable[[Environment, Arguments], None]] = {
    "_breakpoint": lambda environment, arguments: None,
    "add-nodes": _add_nodes,
    "campaign": _campaign,
    "compact": _compact,
    "deliver-msgs": _deliver,
    "forget-leader": _forget_leader,
    "log-level": lambda environment, arguments: _set_level(environment, arguments[0].key),
    "process-append-thread": _process("processing append thread", "process_append_thread"),
    "process-apply-thread": _process("processing apply thread", "process_apply_thread"),
    "process-ready": _process("handling Ready", "process_ready"),
    "propose": _propose,
    "raft-log": _raft_log,
    "raft-state": _raft_state,
    "report-unreachable": _report_unreachable,
    "send-snapshot": _send_snapshot,
    "set-randomized-election-timeout": _set_timeout,
    "stabilize": _stabilize,
    "status": _status,
    "tick-election": _tick("election_ticks"),
    "tick-heartbeat": _tick("heartbeat_ticks"),
    "transfer-leadership": _transfer,
}
