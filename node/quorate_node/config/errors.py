"""What is wrong with a configuration: every fault at once, each with its place, value, limit and remedy."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigurationError(Exception):
    """The configuration cannot be used. `problems` has a line for each fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        assert problems, "an error names what is wrong"
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
