"""Headers of variable-size vectors (section 2.1.2)."""

from __future__ import annotations

from typing import Any

import pytest

from quorate_node.crypto.mls.codec import Reader, header
from quorate_node.crypto.mls.errors import CodecError
from tests.conformance.mls.vectors import cases


@pytest.mark.parametrize("vector", cases("deserialization"))
def test_deserialization(vector: dict[str, Any]) -> None:
    encoded = bytes.fromhex(vector["vlbytes_header"])
    reader = Reader(encoded)
    assert reader.length() == vector["length"]
    reader.end()
    assert header(vector["length"]) == encoded
    for size in range(len(encoded)):
        with pytest.raises(CodecError):
            Reader(encoded[:size]).length()
