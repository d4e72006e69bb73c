"""One entry's commands, applied to a stage: the fast lane for runs of plain puts, the general lane for all else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quorate.wire.commands import Command, CommandKind, Put
from quorate.wire.results import Failure, Result
from quorate_node.machine import sessions
from quorate_node.machine.application.refused import mark_refused
from quorate_node.machine.application_port import Pending
from quorate_node.machine.handlers import KINDS
from quorate_node.machine.interface import Refused
from quorate_node.machine.prepare import Malformed, Prepared
from quorate_node.machine.puts import apply_puts, is_plain
from quorate_node.machine.rules import KIND_SINCE
from quorate_node.machine.stage import Stage

Results = list[Result | Pending]
_FOR_APPLICATION = frozenset((CommandKind.APPLICATION, CommandKind.APPLICATION_VERSION))


def apply_entry(stage: Stage, prepared: Prepared) -> Results:
    stage.index = prepared.entry.index
    # Log time never decreases, whatever a proposer stamped: a lease would expire early otherwise.
    stage.log_time_ms = max(stage.log_time_ms, prepared.log_time_ms)
    results: Results = []
    if prepared.all_plain and not stage.has_sorted_keys:
        apply_puts(stage, prepared.requests, results)
    else:
        _apply_mixed(stage, prepared, results)
    assert len(results) == len(prepared.commands), "every command has one result"
    return results


def tally(counts: dict[int, int], applied: Sequence[Prepared]) -> None:
    """Add the commands of `applied` to `counts` by kind; a run of plain puts is one step, however long it is."""
    for prepared in applied:
        if prepared.all_plain:
            counts[CommandKind.PUT] = counts.get(CommandKind.PUT, 0) + len(prepared.commands)
        else:
            for command in prepared.commands:
                counts[command.kind] = counts.get(command.kind, 0) + 1


def _apply_mixed(stage: Stage, prepared: Prepared, results: Results) -> None:
    run: list[Put] = []
    for position, (command, request) in enumerate(zip(prepared.commands, prepared.requests, strict=True)):
        if _is_fast(stage, command, request):
            run.append(request)
            continue
        if run:
            apply_puts(stage, run, results)
            run = []
        stage.position = position
        given = len(stage.for_application)
        results.append(_apply_command(stage, command, request))
        if command.kind in _FOR_APPLICATION and stage.application is not None and len(stage.for_application) == given:
            # A duplicate or a refusal: the log alone does not say so, and a replay would hand it to the application's machine.
            mark_refused(stage.batch, "meta", stage.index, position)
    if run:
        apply_puts(stage, run, results)


def _is_fast(stage: Stage, command: Command, request: Any) -> bool:
    if command.kind != CommandKind.PUT or command.session or stage.has_sorted_keys:
        return False
    return isinstance(request, Put) and is_plain(request)


def _apply_command(stage: Stage, command: Command, request: Any) -> Result | Pending:
    if not command.session:
        return _execute(stage, command, request)
    answer = sessions.admit(stage, command)
    if answer is not None:
        return answer
    result = _execute(stage, command, request)
    sessions.keep(stage, command, result)
    return result


def _execute(stage: Stage, command: Command, request: Any) -> Result | Pending:
    """A refusal is a result like any other: `Refused` is always raised before the first write of its command."""
    written = len(stage.effects)
    try:
        if isinstance(request, Malformed):
            raise Refused(request.error, request.message)
        if KIND_SINCE.get(command.kind, 0) > stage.cluster_version:
            raise Refused("InvalidArgument", f"command kind {command.kind} is not active before a later cluster version")
        kind = KINDS[command.kind]
        kind.check(request, stage.rules)
        return kind.apply(stage, request)
    except Refused as refused:
        failure = Failure(refused.error, refused.message, stage.revision)
    assert len(stage.effects) == written, f"a refused command has written: {failure}"
    return failure
