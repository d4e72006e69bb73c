"""What every program of verbs does: options before and after a verb, and how it ends; shown with a program of two verbs."""

from __future__ import annotations

import sys
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from types import ModuleType

import click
import pytest

from quorate.cli.verbs import Program, Verbs, option

PACKAGE = "a_program_of_two_verbs"


@dataclass
class Settings:
    output: str = ""
    colour: str = "grey"


class WentWrong(Exception):
    pass


@click.command("paint")
@click.pass_obj
def paint(settings: Settings) -> None:
    click.echo(settings.colour)


@click.group("dry")
def dry() -> None:
    pass


@dry.command("slowly")
@click.argument("fault", default="")
@click.pass_obj
def slowly(settings: Settings, fault: str) -> None:
    faults: dict[str, BaseException] = {"known": WentWrong("the paint is wet"), "bug": ZeroDivisionError(), "int": KeyboardInterrupt()}
    if fault:
        raise faults[fault]
    click.echo(settings.colour)


def options(hidden: bool) -> list[click.Option]:
    return [partial(option, hidden)("--colour", envvar="COLOUR"), partial(option, hidden)("-o", "--output")]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Verbs:
    told = ModuleType("told")
    told.__dict__.update(
        KNOWN=(WentWrong,), exit_code=lambda _: 7, one_line=lambda error, _: f"painter: {error}", usage_json=lambda *words: f"{words}"
    )
    for name, command in (("paint", paint), ("dry", dry)):
        module = ModuleType(name)
        # A verb's module gives its command to one program; here each test has a program of its own.
        module.__dict__["command"] = deepcopy(command)
        monkeypatch.setitem(sys.modules, f"{PACKAGE}.{name}", module)
    monkeypatch.setitem(sys.modules, PACKAGE, ModuleType(PACKAGE))
    monkeypatch.setitem(sys.modules, f"{PACKAGE}.told", told)
    verbs = {"paint": ("paint", "Paint it."), "dry": ("dry", "Wait."), "not-there": ("not_there", "Is imported by nobody.")}
    return Verbs(Program("painter", PACKAGE, f"{PACKAGE}.told", verbs, Settings, options), "Paints.")


def ended(program: Verbs, *words: str) -> object:
    with pytest.raises(SystemExit) as end:
        program.main(list(words), prog_name="painter")
    return end.value.code


def test_a_global_option_counts_before_and_after_the_verb_and_the_later_one_wins(
    program: Verbs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in (["--colour", "red", "paint"], ["paint", "--colour", "red"], ["--colour", "blue", "dry", "slowly", "--colour", "red"]):
        assert ended(program, *words) == 0
        assert capsys.readouterr().out == "red\n", words
    monkeypatch.setenv("COLOUR", "green")
    assert ended(program, "--colour", "red", "paint") == 0 and capsys.readouterr().out == "red\n"
    assert ended(program, "paint") == 0 and capsys.readouterr().out == "green\n"


def test_help_lists_the_verbs_and_imports_none(program: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(program, "--help") == 0
    assert "Is imported by nobody." in capsys.readouterr().out


def test_errors_that_are_known_are_one_line_and_a_bug_keeps_its_traceback(program: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(program, "dry", "slowly", "known") == 7
    assert capsys.readouterr() == ("", "painter: the paint is wet\n")
    assert ended(program, "dry", "slowly", "int") == 130
    assert capsys.readouterr() == ("", "painter: interrupted\n")
    with pytest.raises(ZeroDivisionError):
        program.main(["dry", "slowly", "bug"], prog_name="painter")


def test_a_usage_error_teaches_people_and_tells_programs(program: Verbs, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(program, "wash") == 2
    assert "No such command 'wash'" in capsys.readouterr().err
    assert ended(program, "-o", "json", "paint", "twice") == 2
    assert capsys.readouterr().err == "('Got unexpected extra argument (twice)', 'see `painter paint --help`', 2)\n"
