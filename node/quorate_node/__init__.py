"""The consensus node. Loaded with its failpoints in place only when the environment has QUORATE_FAILPOINTS (`failpoints`)."""

import os

if "QUORATE_FAILPOINTS" in os.environ:
    # Before any other room: what is imported earlier has none.
    from quorate_node.failpoints.loader import instrument

    instrument()
