"""A night's run of seeds: many processes, a state that survives whatever ends it, and a list of the seeds that failed."""
