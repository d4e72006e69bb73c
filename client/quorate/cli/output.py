"""Printing: tables for people, JSON for programs, plain lines for pipes.

JSON is stable: 64-bit numbers are strings, bytes are two fields: NAME (text, or null when it is not UTF-8) and NAME_base64.
Streams (watch, follow) print one JSON object a line.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

from quorate.wire.results import DeleteRangeResult, Event, KeyValue, PutResult, RangeResult, Result, TxnResult

FOLDED_COLUMNS = frozenset({"", "key", "value", "alarms"})
_ESCAPES = {ord("\\"): "\\\\", ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}


def emit_json(document: Any) -> None:
    click.echo(json.dumps(document, ensure_ascii=False))


def emit_line(*fields: object) -> None:
    """One plain line: fields separated by tabs, with tabs, line ends and backslashes inside them escaped."""
    click.echo("\t".join(str(field).lower() if isinstance(field, bool) else str(field) for field in fields))


def emit_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", caption: str = "") -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # At 80 columns every blank counts: no edges, one blank between columns.
    table = Table(
        title=title or None,
        caption=caption or None,
        title_justify="left",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for column in columns:
        # Numbers and names broken over lines cannot be read or copied; what may be long gives way first.
        table.add_column(column, overflow="fold", no_wrap=column not in FOLDED_COLUMNS)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    Console(file=sys.stdout).print(table)


def text(data: bytes) -> str:
    """Bytes for a person: UTF-8 where it is, escapes where it is not, never a control character."""
    decoded = data.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in decoded)


def plain(data: bytes) -> str:
    """Bytes as a field of a plain line; `surrogateescape` keeps what is not UTF-8 as it is."""
    return data.decode("utf-8", "surrogateescape").translate(_ESCAPES)


def bytes_json(name: str, data: bytes) -> dict[str, str | None]:
    try:
        decoded: str | None = data.decode()
    except UnicodeDecodeError:
        decoded = None
    return {name: decoded, f"{name}_base64": base64.b64encode(data).decode()}


def kv_json(kv: KeyValue) -> dict[str, Any]:
    return {
        **bytes_json("key", kv.key),
        **bytes_json("value", kv.value),
        "create_revision": str(kv.create_revision),
        "mod_revision": str(kv.mod_revision),
        "version": str(kv.version),
        "lease": str(kv.lease),
    }


def event_json(event: Event) -> dict[str, Any]:
    return {
        "type": "delete" if event.type else "put",
        "kv": kv_json(event.kv),
        "previous": kv_json(event.previous) if event.previous is not None else None,
    }


def result_json(result: Result) -> dict[str, Any]:
    """One of the results of a transaction, named by its operation."""
    match result:
        case PutResult(revision, previous):
            return {"put": {"revision": str(revision), "previous": kv_json(previous) if previous is not None else None}}
        case DeleteRangeResult(revision, deleted, gone):
            return {"delete": {"revision": str(revision), "deleted": str(deleted), "previous": [kv_json(kv) for kv in gone]}}
        case RangeResult(revision, kvs, count, more):
            found = {"revision": str(revision), "kvs": [kv_json(kv) for kv in kvs], "count": str(count), "more": more}
            return {"range": found}
        case TxnResult(revision, succeeded, results):
            return {"txn": {"revision": str(revision), "succeeded": succeeded, "results": [result_json(each) for each in results]}}
    raise AssertionError(f"a transaction does not answer {type(result).__name__}")


KV_COLUMNS = ("key", "value", "revision", "created", "version", "lease")


def kv_row(kv: KeyValue) -> tuple[object, ...]:
    return text(kv.key), text(kv.value), kv.mod_revision, kv.create_revision, kv.version, kv.lease or ""


def emit_fields(fields: dict[str, object], output: str, *, title: str = "") -> None:
    """One thing: a two-column table, one JSON object, or `name<TAB>value` lines."""
    if output == "json":
        emit_json({name: str(value) if isinstance(value, int) and not isinstance(value, bool) else value for name, value in fields.items()})
    elif output == "table":
        emit_table(("", ""), list(fields.items()), title=title)
    else:
        for name, value in fields.items():
            emit_line(name, value)


def emit_rows(columns: Sequence[str], rows: list[dict[str, object]], output: str, *, title: str = "") -> None:
    """Many things of one shape. JSON: a list of objects; table: the `columns` of them; plain: all values, tab-separated."""
    if output == "json":
        emit_json([{n: str(v) if isinstance(v, int) and not isinstance(v, bool) else v for n, v in row.items()} for row in rows])
        return
    if output == "table":
        emit_table(columns, [[row[column] for column in columns] for row in rows], title=title)
        return
    for row in rows:
        emit_line(*row.values())
