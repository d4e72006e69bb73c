"""A seed with everything that was said about it: enough to have its run again, in one line."""

from __future__ import annotations

import shlex

import msgspec

from quorate_node.simulator.features import differences, without
from quorate_node.simulator.options import Options, draw
from quorate_node.simulator.reductions import Reductions

PROGRAM = "python -m quorate_node.simulator"


class Case(msgspec.Struct, frozen=True):
    options: Options
    """What the seed draws, or a world made from it."""
    left_out: tuple[str, ...] = ()
    """Names of `features.known`."""
    reductions: Reductions = Reductions()

    @property
    def world(self) -> Options:
        """What it runs in."""
        return without(self.options, self.left_out)

    def line(self) -> str:
        """The command that runs it again, on the same commit."""
        seed, words = self.options.seed, []
        for setting in differences(self.options, draw(seed)):
            name, _, value = setting.partition("=")
            words += ["--commands", value] if name == "commands" else ["--set", setting]
        if self.left_out:
            words += ["--without", ",".join(self.left_out)]
        return shlex.join([*PROGRAM.split(), "--seed", str(seed), *words, *self.reductions.arguments()])
