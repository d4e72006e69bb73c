"""The example of docs/state-machine.md is a state machine that does what the page says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from quorate import Rejected, StateMachine

PAGE = Path(__file__).resolve().parents[3] / "docs" / "state-machine.md"


def example() -> StateMachine:
    code = PAGE.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {"__name__": "counter"}
    exec(code, names)
    machine: StateMachine = names["Counter"]()
    return machine


def test_it_applies_rejects_and_is_restored() -> None:
    machine = example()
    assert (machine.name, machine.version) == ("counter", 1)
    assert [machine.apply(index, b"40") for index in (4, 5)] == [b"40", b"80"]
    with pytest.raises(Rejected, match="stops at 100"):
        machine.apply(6, b"40")
    restored = example()
    restored.restore(machine.snapshot())
    assert restored.apply(7, b"20") == b"100"
