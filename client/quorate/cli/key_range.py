"""The way the commands name keys: KEY, or KEY up to RANGE_END, --prefix, --from-key, and all of it in --base64."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import click

from quorate.cli.values import key_bytes

TO_THE_END = b"\x00"


class KeyRange(NamedTuple):
    """What was named. `start` and `end` as `Cluster` takes them, beside `prefix`; `shown` is KEY as it was typed."""

    start: bytes
    end: bytes
    prefix: bool
    shown: str

    @property
    def single(self) -> bool:
        return not self.prefix and not self.end


def takes_key_range(what_prefix_alone_does: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command the arguments and options; its function gets them as one `keys: KeyRange`.

    `what_prefix_alone_does`: such as "lists", for a command that may go without KEY; empty for one that must have it.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def command(
            *arguments: Any, key: str, range_end: str | None, prefix: bool, from_key: bool, is_base64: bool, **options: Any
        ) -> Any:
            if sum((prefix, from_key, range_end is not None)) > 1:
                raise click.UsageError("RANGE_END, --prefix and --from-key exclude each other")
            if not key and not prefix and not from_key:
                raise click.UsageError(f"KEY is missing; `--prefix` alone {what_prefix_alone_does or 'takes'} all keys")
            start = key_bytes(key, is_base64) or (TO_THE_END if from_key else b"")
            end = TO_THE_END if from_key else key_bytes(range_end or "", is_base64, "RANGE_END")
            return function(*arguments, keys=KeyRange(start, end, prefix, key), **options)

        none = " (none: all keys)" if what_prefix_alone_does else ""
        for add in (
            click.option("--base64", "is_base64", is_flag=True, help="KEY and RANGE_END are base64."),
            click.option("--from-key", is_flag=True, help="All keys from KEY on."),
            click.option("--prefix", is_flag=True, help=f"All keys that begin with KEY{none}."),
            click.argument("range_end", required=False),
            click.argument("key", default="") if what_prefix_alone_does else click.argument("key"),
        ):
            command = add(command)
        return command

    return decorate
