"""What the API server warns of, as the header has it."""

from __future__ import annotations

import pytest

from quorate_operator.clients.warnings import texts


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        (['299 - "even sizes survive no more"'], ["even sizes survive no more"]),
        (['299 - "one"', '299 kube-apiserver "two"'], ["one", "two"]),
        (['299 - "one, with a comma", 299 - "two"'], ["one, with a comma", "two"]),
        ([r'299 - "spec.\"x\" and a \\ in it"'], [r'spec."x" and a \ in it']),
        (['299 - "dated" "Sun, 22 Nov 2026 00:00:00 GMT"'], ["dated"]),
        (['199 - "of a proxy"', '299 - "ours"'], ["ours"]),
        (["nonsense", '299 - "without an end'], []),
    ],
)
def test_each_text_in_order(headers: list[str], expected: list[str]) -> None:
    assert texts(headers) == expected
