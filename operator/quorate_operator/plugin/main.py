"""Entry point of `kubectl-quorate`: the global options, the verbs (imported when used), and errors in one line on stderr."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

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
"""verb -> (module, summary): the list of verbs must not import them, or every start would pay for all."""
COMPLETE_VARIABLE = "_KUBECTL_QUORATE_COMPLETE"


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A global option counts the same before and after the verb; the later one wins."""
    settings = ctx.find_root().ensure_object(Settings)
    assert param.name is not None
    if value is not None:
        setattr(settings, param.name, value)
    return value


def global_options(hidden: bool) -> list[click.Option]:
    """The options that every verb takes; hidden in the verbs' own help."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, hidden=hidden, **more)

    return [
        option("-n", "--namespace", metavar="NAME", help="[default: the context's]"),
        option("--context", metavar="NAME", help="Of the kubeconfig. [default: the current one]"),
        option("--kubeconfig", metavar="FILE", help="[default: KUBECONFIG, or ~/.kube/config, or the pod's own account]"),
        option("-o", "--output", type=click.Choice(OUTPUTS), help="[default: table; plain to a pipe]"),
    ]


class Verbs(click.Group):
    """Loads a verb's module when it is used, and turns every error into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            command: click.Command = import_module(f"quorate_operator.plugin.{VERBS[cmd_name][0]}").command
            command.params += global_options(hidden=True)
            command.epilog = command.epilog or "The global options (`kubectl quorate --help`) may also follow the verb."
            self.commands[cmd_name] = command
        return self.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Interrupts and closed pipes are told here: click itself has but one exit code for both."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("kubectl quorate: interrupted", err=True)
            return 130
        except BrokenPipeError:
            # The reader has gone; without this the interpreter complains once more while it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    def main(self, *args: Any, **kwargs: Any) -> Any:
        settings = Settings()
        kwargs |= {"standalone_mode": False, "obj": settings, "complete_var": COMPLETE_VARIABLE}
        try:
            code = super().main(*args, **kwargs)
        except click.ClickException as wrong:
            _show(wrong, settings)
            code = wrong.exit_code
        except click.Abort:
            code = 130
        except Exception as error:  # noqa: BLE001 (re-raised when it is not one of ours)
            code = _report(error, settings)
        sys.exit(code if isinstance(code, int) else 0)


def _show(wrong: click.ClickException, settings: Settings) -> None:
    """How it is meant to be called, for people; the same object as for every other error, for programs."""
    from quorate_operator.plugin.failures import PluginError, one_line

    if settings.output != "json":
        wrong.show()
        return
    error = PluginError(wrong.format_message(), "see --help")
    error.code = wrong.exit_code  # type: ignore[assignment]
    click.echo(one_line(error, as_json=True), err=True)


def _report(error: Exception, settings: Settings) -> int:
    """Errors of ours, of the API server and of files are told in one line; anything else is a bug and keeps its traceback."""
    from quorate_operator.clients.errors import Failure
    from quorate_operator.plugin.failures import PluginError, exit_code, one_line

    if not isinstance(error, PluginError | Failure | OSError):
        raise error
    click.echo(one_line(error, settings.output == "json"), err=True)
    return int(exit_code(error))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"kubectl-quorate {version('quorate')}")
        ctx.exit()


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
    name="kubectl quorate",
    help=HELP,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    params=[
        *global_options(hidden=False),
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."),
    ],
)


def main() -> None:
    """The console script."""
    cli.main(prog_name="kubectl quorate")


if __name__ == "__main__":
    main()
