"""From entries to decoded requests, before anything is applied: an unknown kind stops the member with nothing half done."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from quorate.wire.commands import BATCH_FORMAT, Batch, Command, CommandKind, DeleteRange, Operation, Put, Txn
from quorate_node.machine.handlers import KINDS
from quorate_node.machine.interface import UnknownCommand
from quorate_node.machine.rules import CLUSTER_VERSION_FIRST, COMMAND_VERSION, RULES
from quorate_node.machine.txn_form import too_deep
from quorate_node.protocol.entry import Entry, EntryType

_decode_batch = msgspec.msgpack.Decoder(Batch).decode
_decode_put = msgspec.msgpack.Decoder(Put).decode

PREFETCH_DEPTH_MAX = 4
"""Deeper transactions are rare, and may be nested beyond what is allowed: their keys are read when their turn comes."""


class Malformed(NamedTuple):
    """A payload that is not what its kind says: a refused command, equally on every member.

    Its text is ours alone: a library's would differ between versions, and with it what members answer.
    """

    error: str
    message: str


class Prepared(NamedTuple):
    entry: Entry
    log_time_ms: int
    """0 for an empty entry: log time does not move."""
    commands: list[Command]
    requests: list[Any]
    """A decoded struct or `Malformed` for each command."""
    all_plain: bool
    """Every command is a put for the fast lane."""


def prepare(entries: Sequence[Entry], applied_index: int) -> tuple[list[Prepared], list[bytes]]:
    """Decode `entries`; returns them with all keys that they name. Raises `UnknownCommand`."""
    prepared: list[Prepared] = []
    keys: list[bytes] = []
    expected = applied_index
    for entry in entries:
        expected += 1
        assert entry.index == expected, f"entry {entry.index} was given to apply where {expected} is next"
        if entry.type != EntryType.NORMAL:
            raise UnknownCommand(f"entry {entry.index} has type {entry.type}, which this release cannot apply: run one that knows it")
        prepared.append(_prepare_entry(entry, keys))
    return prepared, keys


def _prepare_entry(entry: Entry, keys: list[bytes]) -> Prepared:
    if not entry.data:
        return Prepared(entry, 0, [], [], True)
    try:
        batch = _decode_batch(entry.data)
    except msgspec.MsgspecError as error:
        message = f"entry {entry.index} is no batch that this release can read ({error}): run the release that wrote it"
        raise UnknownCommand(message) from error
    if batch.format != BATCH_FORMAT:
        raise UnknownCommand(f"entry {entry.index} has batch format {batch.format}, this release reads {BATCH_FORMAT}: run a newer one")
    commands = batch.commands
    puts = _plain_puts(commands)
    if len(puts) == len(commands):
        keys.extend([put.key for put in puts])
        return Prepared(entry, batch.log_time_ms, commands, puts, True)
    requests = [_decode(entry.index, command) for command in commands]
    for request in requests:
        keys.extend(_keys_of(request))
    return Prepared(entry, batch.log_time_ms, commands, requests, False)


def _plain_puts(commands: list[Command]) -> list[Any]:
    """The leading commands that the fast lane takes; shorter than `commands` when there is any other."""
    puts: list[Put] = []
    append = puts.append
    kind, version, decode = int(CommandKind.PUT), COMMAND_VERSION, _decode_put
    for command in commands:
        if command.kind != kind or command.session or command.version > version:
            break
        try:
            put = decode(command.payload)
        except msgspec.MsgspecError:
            break  # the general lane names the error
        if put.lease or put.previous or put.ignore_value or put.ignore_lease or not put.key:
            break
        append(put)
    return puts


def _decode(index: int, command: Command) -> Any:
    kind = KINDS.get(command.kind)
    if kind is None or command.version > COMMAND_VERSION:
        raise UnknownCommand(
            f"entry {index} holds a command of kind {command.kind} version {command.version}, "
            f"this release knows kinds up to {max(KINDS)} and version {COMMAND_VERSION}: run a release that knows it"
        )
    try:
        return kind.decode(command.payload)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Malformed("MalformedBody", f"the payload of command kind {command.kind} is malformed: send what its kind names")
    except RecursionError:
        # How deep is too deep for the decoder depends on the caller's stack; what `check_txn` allows never is.
        return Malformed("TooManyOperations", too_deep(RULES[CLUSTER_VERSION_FIRST]))


def _keys_of(request: Any, depth: int = 0) -> Iterator[bytes]:
    """Single keys that a request will look at; what it names in ranges is read when its turn comes."""
    if isinstance(request, Put):
        yield request.key
    elif isinstance(request, DeleteRange):
        if not request.range_end:
            yield request.key
    elif isinstance(request, Txn) and depth < PREFETCH_DEPTH_MAX:
        yield from (compare.key for compare in request.compare if not compare.range_end)
        for operation in (*request.success, *request.failure):
            yield from _keys_of_operation(operation, depth + 1)


def _keys_of_operation(operation: Operation, depth: int) -> Iterator[bytes]:
    if operation.range is not None:
        if not operation.range.range_end:
            yield operation.range.key
    else:
        yield from _keys_of(operation.put or operation.delete_range or operation.txn, depth)
