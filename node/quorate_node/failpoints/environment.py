"""Failpoints of a real process, from its environment. Nothing here runs, or is imported, unless QUORATE_FAILPOINTS is there.

    QUORATE_FAILPOINTS          name=terms;name=terms, or empty: only counted, and set at run time
    QUORATE_FAILPOINTS_LISTEN   127.0.0.1:PORT of an endpoint to set them (`endpoint`); without it there is none
    QUORATE_FAILPOINTS_SEED     seed of the percentages; else they differ from run to run
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from ipaddress import ip_address
from random import Random

from quorate_node.failpoints.effects import ProcessEffects
from quorate_node.failpoints.endpoint import Endpoint
from quorate_node.failpoints.errors import FailpointMisuse
from quorate_node.failpoints.registry import Failpoints, use

logger = logging.getLogger(__name__)

VARIABLE = "QUORATE_FAILPOINTS"
LISTEN = "QUORATE_FAILPOINTS_LISTEN"
SEED = "QUORATE_FAILPOINTS_SEED"


def start(environment: Mapping[str, str]) -> Endpoint | None:
    """Put the process' failpoints in use; returns the endpoint, listening, when one was asked for.

    Raises `FailpointMisuse` naming the variable, `OSError` when the address cannot be listened at.
    """
    failpoints = Failpoints(ProcessEffects(), Random(_seed(environment)))
    try:
        failpoints.configure_all(environment.get(VARIABLE, ""))
    except FailpointMisuse as error:
        raise FailpointMisuse(f"{VARIABLE}: {error}") from error
    address = _address(environment)
    use(failpoints)
    logger.warning("failpoints are on: this process may be made to fail on purpose; never in production")
    if address is None:
        return None
    endpoint = Endpoint(failpoints, *address)
    endpoint.start()
    logger.warning("failpoints are set at http://%s:%d/failpoints", *endpoint.address)
    return endpoint


def _seed(environment: Mapping[str, str]) -> int | None:
    text = environment.get(SEED, "")
    if text and not text.isdecimal():
        raise FailpointMisuse(f"{SEED} is {text!r}; it must be a whole number, or left out")
    return int(text) if text else None


def _address(environment: Mapping[str, str]) -> tuple[str, int] | None:
    text = environment.get(LISTEN, "")
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    try:
        loopback = ip_address(host.strip("[]")).is_loopback
    except ValueError:
        loopback = False
    if not colon or not loopback or not port.isdecimal() or int(port) > 65535:
        raise FailpointMisuse(f"{LISTEN} is {text!r}; it must be a loopback address and a port, as 127.0.0.1:7399")
    return host.strip("[]"), int(port)
