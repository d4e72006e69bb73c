"""What programs of verbs share: verbs that are imported when used, options before and after them, errors in one line on stderr, exit codes.

`quorate` is one, `kubectl quorate` another one. What a program calls its errors, and which it knows, is in a module of its own (`Told`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import click

from quorate.cli.settings import Terminated

INTERRUPTED, BROKEN_PIPE, TERMINATED = 130, 141, 143
"""As a shell tells them: 128 and the signal's number."""


class Shown(Protocol):
    """What is needed of a program's settings."""

    output: str


class Told(Protocol):
    """The module that `Program.told` names; imported with the first error."""

    KNOWN: tuple[type[Exception], ...]
    """Anything else is a bug and keeps its traceback."""

    def exit_code(self, error: Exception) -> int: ...

    def one_line(self, error: Exception, as_json: bool) -> str: ...

    def usage_json(self, message: str, remedy: str, exit_code: int) -> str: ...


@dataclass(frozen=True)
class Program:
    """`name` stands before every line on stderr; `package` has the verbs' modules, each with a `command`."""

    name: str
    package: str
    told: str
    verbs: Mapping[str, tuple[str, str]]
    """verb -> (module, summary): the list of verbs must not import them, or every start would pay for all."""
    settings: Callable[[], Shown]
    options: Callable[[bool], list[click.Option]]
    """The global options; hidden in the verbs' own help."""
    complete_variable: str | None = None
    """None: as click makes it of the name."""


def option(hidden: bool, *names: str, **more: Any) -> click.Option:
    """One global option, which lands in the field of the settings that has its name."""
    return click.Option(names, expose_value=False, callback=_store, hidden=hidden, **more)


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """A global option counts the same before and after the verb; the later one wins, and the environment only fills gaps."""
    assert param.name is not None
    source = ctx.get_parameter_source(param.name)
    if value is not None and (source is click.core.ParameterSource.COMMANDLINE or ctx.parent is None):
        setattr(ctx.find_root().obj, param.name, value)
    return value


class Verbs(click.Group):
    """Loads a verb's module when it is used, and turns every error into one line and an exit code."""

    def __init__(self, program: Program, text: str) -> None:
        version = click.Option(
            ["--version"], is_flag=True, is_eager=True, expose_value=False, callback=self._version, help="Print the version."
        )
        super().__init__(
            name=program.name,
            help=text,
            no_args_is_help=True,
            context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
            params=[*program.options(False), version],
        )
        self.program = program

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.program.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.program.verbs:
            return None
        if cmd_name not in self.commands:
            command: click.Command = import_module(f"{self.program.package}.{self.program.verbs[cmd_name][0]}").command
            self.commands[cmd_name] = self._with_global_options(command)
        return self.commands[cmd_name]

    def _with_global_options(self, command: click.Command) -> click.Command:
        command.params += self.program.options(True)
        if isinstance(command, click.Group):
            for each in command.commands.values():
                self._with_global_options(each)
        command.epilog = command.epilog or f"The global options (`{self.program.name} --help`) may also follow the verb."
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.program.verbs.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Interrupts and closed pipes are told here: click itself has but one exit code for both."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo(f"{self.program.name}: interrupted", err=True)
            return INTERRUPTED
        except Terminated:
            click.echo(f"{self.program.name}: terminated", err=True)
            return TERMINATED
        except BrokenPipeError:
            # The reader has gone; without this the interpreter complains once more while it flushes stdout at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return BROKEN_PIPE

    def main(self, *args: Any, **kwargs: Any) -> Any:
        settings = self.program.settings()
        kwargs |= {"standalone_mode": False, "obj": settings}
        if self.program.complete_variable is not None:
            kwargs["complete_var"] = self.program.complete_variable
        try:
            code = super().main(*args, **kwargs)
        except click.ClickException as wrong:
            self._show(wrong, settings)
            code = wrong.exit_code
        except click.Abort:
            code = INTERRUPTED
        except Exception as error:  # noqa: BLE001 (re-raised when it is not one of ours)
            code = self._report(error, settings)
        sys.exit(code if isinstance(code, int) else 0)

    def _show(self, wrong: click.ClickException, settings: Shown) -> None:
        """How it is meant to be called, for people; the same object as for every other error, for programs."""
        if settings.output != "json":
            wrong.show()
            return
        context = wrong.ctx if isinstance(wrong, click.UsageError) else None
        remedy = f"see `{context.command_path} --help`" if context is not None else ""
        click.echo(self._told().usage_json(wrong.format_message(), remedy, wrong.exit_code), err=True)

    def _report(self, error: Exception, settings: Shown) -> int:
        told = self._told()
        if not isinstance(error, told.KNOWN):
            raise error
        click.echo(told.one_line(error, settings.output == "json"), err=True)
        return int(told.exit_code(error))

    def _told(self) -> Told:
        return cast(Told, import_module(self.program.told))

    def _version(self, ctx: click.Context, _: click.Parameter, value: bool) -> None:
        if value and not ctx.resilient_parsing:
            from importlib.metadata import version

            click.echo(f"{self.program.name.replace(' ', '-')} {version('quorate')}")
            ctx.exit()
