"""Judges of recorded histories: pure functions that know the promises and nothing of the code that should keep them.

Every checker takes the evidence of one history, returns how many observations it has judged, and raises `Violated` with the few records
that contradict each other. `verdict.judge` runs all that apply. docs/testing.md states every property and where it is from.
"""
