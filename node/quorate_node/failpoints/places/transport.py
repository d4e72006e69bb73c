"""Failpoints of the wire between members."""

from __future__ import annotations

from quorate_node.failpoints.places import Places

PLACES: Places = {
    "transport.dial": (
        "transport/dial.py simulator/transport.py",
        "a peer is about to be dialled",
        "`error(ConnectionResetError)`: nobody is reached",
    ),
    "transport.handshake.after_hello": (
        "transport/dial.py simulator/transport.py",
        "this side has greeted and waits",
        "handshakes that overtake each other",
    ),
    "transport.handshake.before_answer": (
        "transport/endpoint.py simulator/transport.py",
        "a peer was admitted and not answered",
        "a member that is remembered and never connected",
    ),
    "transport.send": (
        "transport/link.py simulator/transport.py",
        "a frame of messages is about to be written",
        "`skip` loses it on one link",
        "skip",
    ),
    "transport.receive": (
        "transport/accepted.py simulator/transport.py",
        "frames have come on a connection that a peer dialled",
        "`skip` loses them: messages, requests and keep-alives",
        "skip",
    ),
    "transport.request.after_send": (
        "transport/link.py simulator/transport.py",
        "a request has left, its answer is awaited",
        "requests that time out",
    ),
    "transport.request.before_answer": (
        "transport/accepted.py simulator/transport.py",
        "a request was carried out and not answered",
        "`skip`: an answer that is lost",
        "skip",
    ),
    "transport.call.before_send": (
        "transport/call.py simulator/transport.py",
        "a probe or a join is about to be sent",
        "an empty member that is not heard",
    ),
    "transport.death.before_report": (
        "transport/peer.py simulator/transport.py",
        "a peer's process is found dead, nobody was told",
        "late suspicion",
    ),
}
