"""A sample of the damaged messages that `mutations` makes by the million."""

from __future__ import annotations

import pytest

from tests.unit.crypto.mls.group.mutations import Mutations

CASES = 400


@pytest.mark.parametrize("seed", range(4))
def test_damaged_messages_are_refused(seed: int) -> None:
    mutations = Mutations(seed)
    mutations.run(CASES)
    ends = {end.split()[1] for end in mutations.counted}
    assert {"CodecError", "BadMac", "BadSignature", "DecryptionFailed", "TreeError"} <= ends, "every line of defence was reached"
    refused = sum(count for end, count in mutations.counted.items() if not end.endswith("accepted"))
    assert refused > CASES // 2
