"""A run as a picture for people: members as lanes over time, messages as arrows, and what the counterexample is about in red."""
