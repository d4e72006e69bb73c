"""A group over time (sections 11 and 12): one epoch is one value, and each step from it makes another one or changes nothing."""
