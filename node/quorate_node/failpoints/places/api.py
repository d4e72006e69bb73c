"""Failpoints of the API: only where an answer is long or final; what is done once a command has none."""

from __future__ import annotations

from quorate_node.failpoints.places import Places

PLACES: Places = {
    "api.snapshot.before_piece": (
        "api/http/handlers/files.py",
        "a piece of a snapshot file is about to be sent to a client",
        "a file that is cut off must not look whole",
    ),
    "api.bootstrap.before_answer": (
        "api/http/handlers/files.py",
        "a cluster is founded, its founder was not answered",
        "a bootstrap that is asked for twice",
    ),
}
