"""Canonical snapshots (DESIGN decision 10): one state at one index is one stream of bytes, on every member and every store."""
