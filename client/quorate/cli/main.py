"""Entry point of `quorate`: the global options, the verbs (imported when used), and what the help says."""

from __future__ import annotations

from functools import partial

import click

from quorate.cli.settings import CONSISTENCIES, OUTPUTS, Settings
from quorate.cli.values import DURATION
from quorate.cli.verbs import Program, Verbs
from quorate.cli.verbs import option as global_option

VERBS: dict[str, tuple[str, str]] = {
    "put": ("put", "Set a key."),
    "get": ("get", "Read a key, a range, or all keys of a prefix."),
    "delete": ("delete", "Delete a key, a range, or all keys of a prefix."),
    "txn": ("txn", "Compare, and then do one thing or the other, atomically."),
    "watch": ("watch", "Follow the changes of keys; run a command at each."),
    "lease": ("lease", "Grant, renew, revoke and list leases."),
    "lock": ("lock", "Hold a lock while a command runs."),
    "elect": ("elect", "Campaign for leadership, or watch who leads."),
    "members": ("members", "List, add, promote, remove and replace members."),
    "leader": ("leader", "Say which member leads."),
    "transfer": ("transfer", "Move leadership to another member."),
    "status": ("status", "Show how each member is doing."),
    "snapshot": ("snapshot", "Save a snapshot of the cluster, or check a snapshot file."),
    "restore": ("restore", "Fill an empty member with a snapshot: a new cluster."),
    "compact": ("compact", "Forget the history of keys up to a revision."),
    "apply": ("apply", "Propose to, and follow, the application's ordered log."),
    "completion": ("completion", "Print the shell's completion script."),
}


def options(hidden: bool) -> list[click.Option]:
    """The options that every verb takes; hidden in the verbs' own help."""
    option = partial(global_option, hidden)
    file = click.Path(exists=True, dir_okay=False)
    consistency = click.Choice(CONSISTENCIES)
    return [
        option("--endpoints", envvar="QUORATE_ENDPOINTS", metavar="URL,...", help="Members. [default: ports 7301 to 7303 of this machine]"),
        option("--tls-ca", envvar="QUORATE_TLS_CA", metavar="FILE", type=file, help="Authority of the members' certificates."),
        option("--tls-cert", envvar="QUORATE_TLS_CERT", metavar="FILE", type=file, help="Our certificate."),
        option("--tls-key", envvar="QUORATE_TLS_KEY", metavar="FILE", type=file, help="Our key."),
        option("--timeout", "timeout_ms", envvar="QUORATE_TIMEOUT", type=DURATION, help="For each call, retries included. [default: 10s]"),
        option("-o", "--output", envvar="QUORATE_OUTPUT", type=click.Choice(OUTPUTS), help="[default: table; plain to a pipe]"),
        option("--consistency", envvar="QUORATE_CONSISTENCY", type=consistency, help="Of reads. [default: linearizable]"),
    ]


HELP = """Talk to a Quorate cluster.

\b
A first minute:
  quorate status                            who is there, who leads
  quorate put greeting hello                write
  quorate get greeting                      read it back
  quorate watch greeting                    follow it
  quorate lock nightly -- ./backup.sh       run while holding a lock

\b
For programs: -o json, and the exit code:
  0 ok    1 error answered    2 usage    3 unreachable or no leader    4 not found
  5 compare failed    6 lock lost    7 outcome unknown    8 timeout    130 interrupted

Each verb explains itself: quorate VERB --help.
"""

cli = Verbs(Program("quorate", "quorate.cli", "quorate.cli.exits", VERBS, Settings, options), HELP)


def main() -> None:
    """The console script."""
    cli.main(prog_name="quorate")
