"""A night's run of seeds: many processes, a state that survives whatever ends it, and a list of the seeds that failed."""

from quorate_node.failpoints import instrument

instrument()  # Here, so that it comes before every other room, in workers too: what is imported earlier has no failpoints.
