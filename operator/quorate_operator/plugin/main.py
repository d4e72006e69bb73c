"""Entry point of `kubectl-quorate`: the global options, the verbs (imported when used), and what the help says."""

from __future__ import annotations

from functools import partial

import click

from quorate.cli.verbs import Program, Verbs
from quorate.cli.verbs import option as global_option
from quorate_operator.plugin.settings import OUTPUTS, Settings

VERBS: dict[str, tuple[str, str]] = {
    "status": ("status", "Show how a cluster stands, or all of them; --watch follows it."),
    "plan": ("plan", "Say what the operator does next, why, and what it waits for."),
    "members": ("members", "List the members."),
    "transfer-leader": ("transfer_leader", "Move the leadership."),
    "restart": ("restart", "Restart every member once, one at a time."),
    "hibernate": ("hibernate", "Stop all pods and keep the volumes."),
    "wake": ("wake", "Start a hibernated cluster."),
    "pause": ("pause", "Let the operator change nothing; failover goes on."),
    "resume": ("resume", "Let the operator work again."),
    "certificates": ("certificates", "Show until when certificates are valid; replace the authority."),
    "support-bundle": ("support_bundle", "Gather what helps others to help, without secrets."),
    "doctor": ("doctor", "Check the operator's installation."),
    "completion": ("completion", "Print completion scripts."),
}
COMPLETE_VARIABLE = "_KUBECTL_QUORATE_COMPLETE"


def options(hidden: bool) -> list[click.Option]:
    """The options that every verb takes; hidden in the verbs' own help."""
    option = partial(global_option, hidden)
    return [
        option("-n", "--namespace", metavar="NAME", help="[default: the context's]"),
        option("--context", metavar="NAME", help="Of the kubeconfig. [default: the current one]"),
        option("--kubeconfig", metavar="FILE", help="[default: KUBECONFIG, or ~/.kube/config, or the pod's own account]"),
        option("-o", "--output", type=click.Choice(OUTPUTS), help="[default: table; plain to a pipe]"),
    ]


HELP = """See and operate Quorate clusters.

\b
A first look:
  kubectl quorate doctor                          is the operator there, and all that it needs
  kubectl quorate status -A                       all clusters
  kubectl quorate status orders --watch           one of them, live
  kubectl quorate transfer-leader orders orders-2 move the leadership

\b
Every verb edits the resource, with your own rights; the operator carries it out and says in the
plan what it waits for. For programs: -o json, and the exit code:
  0 ok    1 refused by the API server    2 usage    3 API server unreachable    4 not found
  5 not in this state of the cluster    8 waited as long as allowed    130 interrupted
"""

cli = Verbs(
    Program("kubectl quorate", "quorate_operator.plugin", "quorate_operator.plugin.failures", VERBS, Settings, options, COMPLETE_VARIABLE),
    HELP,
)


def main() -> None:
    """The console script."""
    cli.main(prog_name="kubectl quorate")


if __name__ == "__main__":
    main()
