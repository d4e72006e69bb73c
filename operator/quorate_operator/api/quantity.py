"""Amounts as Kubernetes writes them (k8s.io/apimachinery resource.Quantity): compared by value, never by spelling."""

from __future__ import annotations

from fractions import Fraction

_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}


class NotAQuantity(ValueError):
    """The text is no amount."""


def amount(text: str | float) -> Fraction:
    """The value of `10Gi`, `500m` or `1e3`; exact, so that 0.1 and 100m are equal. Raises `NotAQuantity`."""
    word = str(text).strip()
    try:
        for suffix, factor in _BINARY.items():
            if word.endswith(suffix):
                return Fraction(word[:-2]) * factor
        if word.endswith(("m", "u", "n")):
            return Fraction(word[:-1]) / {"m": 10**3, "u": 10**6, "n": 10**9}[word[-1]]
        if word[-1:] in _DECIMAL:
            return Fraction(word[:-1]) * _DECIMAL[word[-1]]
        return Fraction(word)
    except (ValueError, ZeroDivisionError) as wrong:
        raise NotAQuantity(f"{text!r} is no quantity: write a number and one of m, k, M, G, T, Ki, Mi, Gi, Ti, such as 10Gi") from wrong
