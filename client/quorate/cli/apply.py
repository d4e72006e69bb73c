"""`quorate apply`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from quorate.cli.output import bytes_json, emit_fields, emit_json, emit_line, plain, text
from quorate.cli.settings import Settings, pass_settings
from quorate.cli.values import FROM_ONE, value_bytes

if TYPE_CHECKING:
    from quorate.cluster import Cluster


@click.group("apply")
def command() -> None:
    """The application's ordered log: propose commands, and follow them in the one order that all members see.

    \b
    Examples:
      quorate apply propose 'transfer 5 from a to b'
      quorate apply follow --from 1 -o json
    """


@command.command()
@click.argument("payload")
@click.option("--literal", is_flag=True, help="PAYLOAD is meant as it is, even `-` or `@name`.")
@click.option("--base64", "is_base64", is_flag=True, help="PAYLOAD is base64.")
@pass_settings
def propose(settings: Settings, payload: str, literal: bool, is_base64: bool) -> int:
    """Propose PAYLOAD (`-`: stdin, `@FILE`: a file). Prints its index and the machine's answer; exit code 1 when it rejects."""
    content = value_bytes(payload, is_base64, literal)
    result = settings.run(lambda cluster: cluster.propose(content))
    if settings.format == "json":
        emit_json({"index": str(result.index), **bytes_json("value", result.value), "rejected": result.rejected})
    else:
        value = plain(result.value) if settings.format == "plain" else text(result.value)
        emit_fields({"index": result.index, "value": value, "rejected": result.rejected}, settings.format)
    return 1 if result.rejected else 0


@command.command()
@click.option("--from", "from_index", type=FROM_ONE, default=1, show_default=True, help="From this index of the log.")
@click.option("--count", type=FROM_ONE, help="Stop after so many commands.")
@pass_settings
def follow(settings: Settings, from_index: int, count: int | None) -> None:
    """Print the commands in order, for ever. Plain: index, position, payload."""

    async def work(cluster: Cluster) -> None:
        left = count
        async with cluster.follow(from_index) as entries:
            async for each in entries:
                if settings.format == "json":
                    place = {"index": str(each.index), "position": each.position, "term": str(each.term)}
                    emit_json({**place, "log_time_ms": str(each.log_time_ms), **bytes_json("payload", each.payload)})
                else:
                    shown = plain(each.payload) if settings.format == "plain" else text(each.payload)
                    emit_line(each.index, each.position, shown)
                left = None if left is None else left - 1
                if left == 0:
                    return

    settings.run(work)
