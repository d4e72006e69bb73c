"""Failpoints: named places where a test makes a member fail, wait or die. In the source each is a comment, so a program that did not
ask for them carries nothing of them:

    # failpoint: log.write.after_commit

`instrument()` (`loader`), called before the other rooms are imported, turns such comments into calls as it loads the modules. A
process does so when the environment has QUORATE_FAILPOINTS; tests in one process, simulated or not, call it themselves.

    failpoints = Failpoints(effects, random)          registry, one a process or one a simulated member
    use(failpoints)                                   for the whole process; `within(failpoints)` for the tasks begun inside
    context.run(use_here, failpoints)                 for one simulated member
    failpoints.configure("log.write.after_commit", "3*off->panic")
"""

from quorate_node.failpoints.effects import Effects, Panic, ProcessEffects
from quorate_node.failpoints.errors import FailpointError, FailpointMisuse
from quorate_node.failpoints.loader import instrument
from quorate_node.failpoints.registry import Failpoints, use, use_here, within
from quorate_node.failpoints.sites import SITES, Site

__all__ = [
    "SITES",
    "Effects",
    "FailpointError",
    "FailpointMisuse",
    "Failpoints",
    "Panic",
    "ProcessEffects",
    "Site",
    "instrument",
    "use",
    "use_here",
    "within",
]
