"""PURE. One builder a kind: (spec, identity) -> the object as it is applied, a plain dictionary."""
