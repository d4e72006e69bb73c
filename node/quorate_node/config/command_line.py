"""The flags of `quorate-node`: a few by name, every other setting by `--set section.key=value`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple


class Action(Enum):
    RUN = "run"
    CHECK = "check"
    PRINT = "print"


class CommandLine(NamedTuple):
    file: Path | None
    assignments: list[tuple[str, str, str]]
    """(section.key, value, the flag it came by)."""
    action: Action
    discard_damaged_from: int | None = None
    """What an operator gives up, once; no setting, because it must not stay in a file."""


SHORT: dict[str, tuple[str, str]] = {
    "--name": ("member.name", "name of this member"),
    "--data-dir": ("member.data_dir", "directory of its log and state"),
    "--host": ("listen.host", "address to listen on"),
    "--port": ("listen.port", "port of API and members"),
    "--client-url": ("listen.client_url", "URL that clients are sent to"),
    "--peer-url": ("listen.peer_url", "URL that the other members dial"),
    "--peers": ("discovery.peers", "peer URLs of the cluster, with commas"),
    "--bootstrap-token": ("bootstrap.token", "make a cluster of this empty member, once"),
    "--application": ("application.machine", "module:Class of the application's own state machine"),
    "--log-level": ("logging.level", "debug, info, warning or error"),
}


DISCARD_HELP = (
    "only for a cluster of one member that says its log is damaged: cut the log at INDEX, which must be the very index that it names."
    " THE ENTRY AT INDEX AND ALL BEHIND IT ARE LOST FOR GOOD, among them writes that were acknowledged, and their revisions are given to"
    " other writes later; make a copy of the data directory first, and restore a snapshot instead if there is a newer one"
)


class _ListFailpoints(argparse.Action):
    """As `--version`: prints and ends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from quorate_node.failpoints.document import listing

        sys.stdout.write(listing())
        parser.exit()


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="quorate-node",
        description="One member of a Quorate cluster. Flags win over QUORATE_SECTION__KEY variables, those over the file.",
        epilog="Every setting, with its default: docs/configuration.md, or --print-config.",
        allow_abbrev=False,
    )
    made.add_argument("--config", type=Path, metavar="FILE", help="TOML file of settings (else QUORATE_CONFIG names it)")
    for flag, (path, text) in SHORT.items():
        made.add_argument(flag, metavar="VALUE", help=f"{text} ({path})")
    made.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="any setting; may be repeated")
    made.add_argument("--discard-damaged-from", type=int, metavar="INDEX", help=DISCARD_HELP)
    action = made.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="say whether the configuration is sound, and end")
    action.add_argument("--print-config", action="store_true", help="print every setting with its origin, secrets left out, and end")
    made.add_argument("--list-failpoints", action=_ListFailpoints, help="print the places where QUORATE_FAILPOINTS can act, and end")
    made.add_argument("--version", action="version", version=f"quorate-node {version('quorate')}")
    return made


def parse(arguments: Sequence[str]) -> CommandLine:
    """Raises SystemExit (status 2) for a flag that does not exist, as argparse does."""
    made = parser()
    given = made.parse_args(list(arguments))
    assignments = []
    for each in given.set:
        path, equals, value = each.partition("=")
        if not equals:
            made.error(f"--set {each}: write SECTION.KEY=VALUE, as in --set replica.heartbeat_ms=50")
        assignments.append((path, value, f"--set {path}"))
    for flag, (path, _) in SHORT.items():
        value = getattr(given, flag.removeprefix("--").replace("-", "_"))
        if value is not None:
            assignments.append((path, value, flag))
    action = Action.CHECK if given.check else Action.PRINT if given.print_config else Action.RUN
    return CommandLine(given.config, assignments, action, given.discard_damaged_from)
