"""The operator, in one list: what is looked at, in which order. The first step with something to do is done, and all is observed anew.

Every step is a pure function of the world in a short file of its own. `Complete` lets the next one look; `Wait` holds them up, or is shown
beside them; `Do` names one idempotent action. Before and after each action is a crash point, `<step>.before` and `<step>.after`, also with
the action's name (`<step>.<action>.before`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from quorate_operator.decide.outcome import Complete, Do, Outcome, Wait
from quorate_operator.decide.steps.authority import authority, certificates, drop_old, sign_new, trust_new
from quorate_operator.decide.steps.children import children, old_settings
from quorate_operator.decide.steps.founding import founding, record
from quorate_operator.decide.steps.membership import dead_volumes, lost, promotion, scale_down, scale_up, surplus_pods
from quorate_operator.decide.steps.non_voting import departed
from quorate_operator.decide.steps.preferred_leader import preferred_leader
from quorate_operator.decide.steps.releases import release
from quorate_operator.decide.steps.rollout import restart, template
from quorate_operator.decide.steps.standing_by import deletion, pause
from quorate_operator.decide.steps.volumes import expansion, volumes
from quorate_operator.decide.steps.wellbeing import wellbeing
from quorate_operator.decide.steps.workload import hibernation, workload
from quorate_operator.decide.world import World

Step = Callable[[World], Outcome]

STEPS: tuple[tuple[str, Step], ...] = (
    # Hands off.
    ("deletion", deletion),
    # Certificates are signed also while paused: nothing of the cluster is changed by it, and a member that moved needs one.
    ("certificates", certificates),
    ("pause", pause),
    # What members need before they start: accounts, settings, Services, policies. Drift of any is repaired here.
    ("authority", authority),
    ("children", children),
    ("workload", workload),
    ("hibernation", hibernation),
    # Founded once, recorded before and after.
    ("founding", founding),
    ("record", record),
    # Volumes are bound to their members before anything is decided by that.
    ("volumes", volumes),
    # Shown beside what can be done meanwhile.
    ("wellbeing", wellbeing),
    # Another CA in three steps, each waiting for all members; nothing restarts.
    ("trust-new", trust_new),
    ("sign-new", sign_new),
    ("drop-old", drop_old),
    # What is broken comes before what is wished for.
    ("surplus-pods", surplus_pods),
    ("dead-volumes", dead_volumes),
    ("lost-members", lost),
    ("non-voting", departed),
    ("promotion", promotion),
    ("scale-down", scale_down),
    # Changes of the pods, one at a time through the restart gate.
    ("expansion", expansion),
    ("release", release),
    ("template", template),
    ("restart", restart),
    ("scale-up", scale_up),
    ("preferred-leader", preferred_leader),
    ("old-settings", old_settings),
)


@dataclass(frozen=True)
class Decided:
    """One step's outcome."""

    step: str
    outcome: Do | Wait

    def places(self, when: str) -> tuple[str, str]:
        """Names of the crash point `before` or `after` the action: of the step, and of this kind of action in it."""
        assert isinstance(self.outcome, Do)
        return f"{self.step}.{when}", f"{self.step}.{type(self.outcome.action).__name__}.{when}"


@dataclass(frozen=True)
class Decision:
    """`due`: what to do now; None when there is nothing, or something to wait for. `open`: all that is not complete, in order, as far
    as it is known now: the plan."""

    due: Decided | None
    open: tuple[Decided, ...]


def decide(world: World) -> Decision:
    """Pure: the same world, the same decision."""
    found: list[Decided] = []
    for name, step in STEPS:
        outcome = step(world)
        if isinstance(outcome, Complete):
            continue
        found.append(Decided(name, outcome))
        if isinstance(outcome, Do) or outcome.holds:
            break
    due = found[-1] if found and isinstance(found[-1].outcome, Do) else None
    return Decision(due, tuple(found))
