"""What a step says of the world: done, to wait for something, or one thing to do."""

from __future__ import annotations

from dataclasses import dataclass

from quorate_operator.decide.actions import Action


@dataclass(frozen=True)
class Complete:
    """Nothing is due here."""


@dataclass(frozen=True)
class Wait:
    """Something else must happen first. `holds`: no later step may go on before; else they do, and this is shown beside them.

    `degraded`: a person should know of it. `reason` is CamelCase, for conditions; `message` names what is waited for, and the remedy.
    """

    reason: str
    message: str
    holds: bool = True
    degraded: bool = False


@dataclass(frozen=True)
class Do:
    """One action, and why."""

    action: Action
    reason: str
    message: str


Outcome = Complete | Wait | Do
COMPLETE = Complete()
