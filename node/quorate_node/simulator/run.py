"""Seeds one after the other: run, judge the history, and stop at the first that fails with all that is needed to see it again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

import msgspec

from quorate_node.failpoints import FailpointMisuse
from quorate_node.failpoints.loader import instrumented
from quorate_node.simulator.case import Case
from quorate_node.simulator.checkers.verdict import PROPERTIES, judge
from quorate_node.simulator.diagram.recording import Recording
from quorate_node.simulator.options import Options, draw
from quorate_node.simulator.world import Outcome, World

SEARCHED_OPERATIONS_MAX = 400
"""The searching checker knows nothing of revisions, and is exponential: longer histories are judged by the others alone."""


class Result(msgspec.Struct, frozen=True):
    """One run: its options, how it ended, and what was judged."""

    outcome: Outcome
    case: Case
    judged: int
    """Observations that verdicts rest on."""
    cpu_s: float
    violated: tuple[str, ...] = ()
    """All properties that do not hold, that of `outcome` among them."""

    @property
    def ok(self) -> bool:
        return not self.outcome.broken

    def line(self) -> str:
        outcome = self.outcome
        verdict = "ok" if self.ok else f"BROKEN: {outcome.broken}"
        return (
            f"seed {outcome.seed:6} {verdict}: {self.case.options.members} members, {outcome.operations} operations, {self.judged} judged, "
            f"{outcome.virtual_s:.1f} s in {self.cpu_s:.2f} s, trace {outcome.trace_hash}"
        )

    def failure(self) -> str:
        """The property, what shows it, the options, and how to have it again."""
        shown = f"{self.line()}\n\n{self.outcome.evidence}\n\noptions:\n{self.case.world.text()}\n"
        return f"{shown}\nagain: {self.case.line()}\n"


def run_case(case: Case, show: Callable[[str], None] | None = None, recording: Recording | None = None) -> tuple[Result, World]:
    """`show` is given every event in words, `recording` all that a picture needs.
    The world is as the run has left it, to be looked into. Raises `FailpointMisuse`."""
    if case.world.faults.failpoint and not instrumented():
        raise FailpointMisuse(
            f"seed {case.world.seed} has failpoints, and this process none: call failpoints.instrument() before other rooms are imported"
        )
    began_s = time.process_time()
    world = World(case.world, show, case.reductions, recording)
    outcome = world.run()
    judged = 0
    violated: tuple[str, ...] = (outcome.broken,) if outcome.broken else ()
    if not outcome.broken:
        names = [name for name in PROPERTIES if name != "linearizable-by-search" or outcome.operations <= SEARCHED_OPERATIONS_MAX]
        report = judge(world.history, names)
        judged = sum(finding.judged for finding in report.findings)
        if report.violated:
            violated = tuple(finding.property for finding in report.violated)
            evidence = "\n\n".join(f"{finding.property}: {finding.counterexample}" for finding in report.violated)
            outcome = msgspec.structs.replace(outcome, broken=violated[0], evidence=evidence)
    return Result(outcome, case, judged, time.process_time() - began_s, violated), world


def run_seed(seed: int, commands: int | None = None, show: Callable[[str], None] | None = None, options: Options | None = None) -> Result:
    """`options` in place of those that the seed draws."""
    return run_case(Case(options if options is not None else draw(seed, commands)), show)[0]


def run_seeds(seeds: Iterable[int], commands: int | None = None) -> Iterator[Result]:
    """Until one fails, which is the last."""
    for seed in seeds:
        result = run_seed(seed, commands)
        yield result
        if not result.ok:
            return
