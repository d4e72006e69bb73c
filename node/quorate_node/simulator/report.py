"""What is left of a failing seed in a folder: the picture, the same as text, and everything in words."""

from __future__ import annotations

from pathlib import Path

from quorate_node.simulator.case import Case
from quorate_node.simulator.diagram import svg, text
from quorate_node.simulator.diagram.recording import Recording
from quorate_node.simulator.diagram.rows import choose
from quorate_node.simulator.history import save
from quorate_node.simulator.run import Result, run_case


def write(case: Case, folder: Path, name: str) -> Result:
    """Run it once more and leave `name.svg`, `name.txt`, `name.log` (all events), `name.msgpack` (the history) and `name.report.txt`
    in `folder`, which is made. Raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    recording, events = Recording(), list[str]()
    result, world = run_case(case, events.append, recording)
    outcome = result.outcome
    title = f"seed {outcome.seed}: {outcome.broken or 'every property holds'}"
    notes = [*([outcome.evidence, ""] if outcome.evidence else []), f"again: {case.line()}"]
    picture = choose(title, notes, recording, world.history.operations, outcome.evidence, world.loop.now_ns)
    (folder / f"{name}.svg").write_text(svg.render(picture), encoding="utf-8")
    (folder / f"{name}.txt").write_text(text.render(picture), encoding="utf-8")
    (folder / f"{name}.log").write_text("\n".join(events) + "\n", encoding="utf-8")
    (folder / f"{name}.report.txt").write_text(result.failure(), encoding="utf-8")
    save(world.history, folder / f"{name}.msgpack")
    return result
