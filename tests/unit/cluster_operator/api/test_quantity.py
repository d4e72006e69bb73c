"""Amounts are compared by value."""

from __future__ import annotations

from fractions import Fraction

import pytest

from quorate_operator.api.quantity import NotAQuantity, amount


@pytest.mark.parametrize(
    "text, value",
    [("1", 1), ("1000m", 1), ("0.5", Fraction(1, 2)), ("1Ki", 1024), ("10Gi", 10 * 2**30), ("1k", 1000), ("2E", 2 * 10**18), (4, 4)],
)
def test_an_amount_has_a_value(text: str, value: Fraction) -> None:
    assert amount(text) == value


@pytest.mark.parametrize("text", ["", "Gi", "ten", "1 Gi i", "-", "1/0"])
def test_what_is_none_is_refused_with_the_value_and_the_form(text: str) -> None:
    with pytest.raises(NotAQuantity, match="10Gi"):
        amount(text)
