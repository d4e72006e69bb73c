"""Consensus protocols as pure state machines: no I/O, no clock, no randomness of their own (DESIGN section 1)."""
