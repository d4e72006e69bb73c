"""Entry point of `quorate`: the global options, the verbs (imported when used), and errors in one line on stderr."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from quorate.cli.settings import CONSISTENCIES, OUTPUTS, Settings, Terminated
from quorate.cli.values import DURATION

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
"""verb -> (module, summary): the list of verbs must not import them, or every start would pay for all."""


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A global option counts the same before and after the verb; the later one wins, and the environment only fills gaps."""
    settings = ctx.find_root().ensure_object(Settings)
    assert param.name is not None
    source = ctx.get_parameter_source(param.name)
    if value is not None and (source is click.core.ParameterSource.COMMANDLINE or ctx.parent is None):
        setattr(settings, param.name, value)
    return value


def global_options(hidden: bool) -> list[click.Option]:
    """The options that every verb takes; hidden in the verbs' own help."""

    def option(*names: str, **more: Any) -> click.Option:
        return click.Option(names, expose_value=False, callback=_store, hidden=hidden, **more)

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


def _with_global_options(command: click.Command) -> click.Command:
    command.params += global_options(hidden=True)
    if isinstance(command, click.Group):
        for each in command.commands.values():
            _with_global_options(each)
    command.epilog = command.epilog or "The global options (`quorate --help`) may also follow the verb."
    return command


class Verbs(click.Group):
    """Loads a verb's module when it is used, and turns every error into one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        if cmd_name not in self.commands:
            command: click.Command = import_module(f"quorate.cli.{VERBS[cmd_name][0]}").command
            self.commands[cmd_name] = _with_global_options(command)
        return self.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary) for name, (_, summary) in VERBS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Interrupts and closed pipes are told here: click itself has but one exit code for both."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("quorate: interrupted", err=True)
            return 130
        except Terminated:
            click.echo("quorate: terminated", err=True)
            return 143
        except BrokenPipeError:
            # The reader has gone; without this the interpreter complains once more while it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 141

    def main(self, *args: Any, **kwargs: Any) -> Any:
        settings = Settings()
        kwargs["standalone_mode"] = False
        kwargs["obj"] = settings
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
    from quorate.cli.exits import error_json

    if settings.output != "json":
        wrong.show()
        return
    context = wrong.ctx if isinstance(wrong, click.UsageError) else None
    remedy = f"see `{context.command_path} --help`" if context is not None else ""
    click.echo(error_json("Usage", wrong.format_message(), remedy, wrong.exit_code), err=True)


def _report(error: Exception, settings: Settings) -> int:
    """Errors of ours and of files are told in one line; anything else is a bug and keeps its traceback."""
    from quorate.cli.exits import exit_code, one_line
    from quorate.exceptions import QuorateError

    if not isinstance(error, QuorateError | OSError | TimeoutError):
        raise error
    click.echo(one_line(error, settings.output == "json"), err=True)
    return int(exit_code(error))


def _version(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"quorate {version('quorate')}")
        ctx.exit()


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

cli = Verbs(
    name="quorate",
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
    cli.main(prog_name="quorate")
