"""The failpoints of each room: name -> (files, when it is reached, what it is good for[, "skip"])."""

from __future__ import annotations

Places = dict[str, tuple[str, str, str] | tuple[str, str, str, str]]
