"""Metrics, logs and the operation timeline of one node."""
