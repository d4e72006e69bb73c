"""`quorate txn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import click

from quorate.cli.exits import Exit
from quorate.cli.output import KV_COLUMNS, emit_json, emit_line, emit_table, kv_row, plain, result_json
from quorate.cli.settings import Settings, pass_settings
from quorate.wire.results import DeleteRangeResult, PutResult, RangeResult, TxnResult

if TYPE_CHECKING:
    from quorate.wire.results import Result


@click.command("txn")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="surrogateescape"), default="-")
@click.option("--check", is_flag=True, help="Only read it and print it back; send nothing.")
@pass_settings
def command(settings: Settings, file: TextIO, check: bool) -> int:
    """Run the transaction in FILE (or stdin): all of `if` holds, then do `then`, else do `else`. Exit code 5 for `else`.

    Conditions: version, create, modify, value, lease of a key, with = != < >. Operations: put, delete, get, txn { ... }.
    Ranges: `prefix`, `from-key` or `end=KEY` after the key. A text that begins with `{` is JSON, as POST /v1/txn takes it.

    \b
    Example: take a job that nobody has
      quorate txn <<'END'
      if
        create "jobs/7/owner" = 0          # the key is not there
      then
        put "jobs/7/owner" "host-3" lease=8123
      else
        get "jobs/7/owner"
      END

    \b
    put KEY VALUE [lease=ID] [previous] [ignore-value] [ignore-lease]
    delete KEY [prefix|from-key|end=KEY] [previous]
    get KEY [prefix|from-key|end=KEY] [limit=N] [order=ascend|descend] [by=key|version|create|modify|value]
            [keys-only] [count-only] [revision=N] [min-modify=N] [max-modify=N] [min-create=N] [max-create=N]
    """
    from quorate.cli.txn_json import parse_txn_json
    from quorate.cli.txn_language import BadTransaction, format_txn, parse_txn

    content = file.read()
    try:
        txn = parse_txn_json(content) if content.lstrip().startswith("{") else parse_txn(content)
    except BadTransaction as wrong:
        raise click.UsageError(f"{getattr(file, 'name', '<stdin>')}: {wrong}") from wrong
    if check:
        click.echo(format_txn(txn))
        return Exit.OK
    result = settings.run(lambda cluster: cluster.run_txn(txn))
    if settings.format == "json":
        emit_json(result_json(result)["txn"])
    else:
        if settings.format == "table":
            click.echo(f"{'then' if result.succeeded else 'else'} at revision {result.revision}")
        for number, each in enumerate(result.results, 1):
            _print(each, settings.format, str(number))
    return Exit.OK if result.succeeded else Exit.COMPARE_FAILED


def _print(result: Result, output: str, number: str) -> None:
    if isinstance(result, TxnResult):
        emit_line(number, "txn", "then" if result.succeeded else "else")
        for inner, each in enumerate(result.results, 1):
            _print(each, output, f"{number}.{inner}")
    elif isinstance(result, RangeResult):
        if output == "table":
            emit_table(KV_COLUMNS, (kv_row(kv) for kv in result.kvs), title=f"{number}: {result.count} keys")
        else:
            for kv in result.kvs:
                emit_line(number, "get", plain(kv.key), plain(kv.value))
    elif isinstance(result, DeleteRangeResult):
        emit_line(number, "delete", result.deleted)
    else:
        assert isinstance(result, PutResult)
        emit_line(number, "put", result.revision)
