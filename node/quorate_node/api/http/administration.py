"""Who may use the routes that change a whole cluster, or give it away: those whose client certificate names an administrator.

TLS has checked the certificate's chain; its names are judged here, a request at a time. Without administrators everybody may use all.
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from quorate_node.api.http.problem import Problem
from quorate_node.api.http.routes import Access, Route
from quorate_node.transport.binding import Certificate, bound_members

NAMES = frozenset({"URI", "DNS"})


class Administrators:
    """`names`: URIs and DNS names, one of which the certificate must have among its alternative names."""

    def __init__(self, names: tuple[str, ...] = ()) -> None:
        self._names = frozenset(names)

    def judge(self, route: Route, request: web.Request, identity: Callable[[], tuple[int, int]]) -> None:
        """`identity`: gives cluster id and member id of this member. Raises `Problem`."""
        if not self._names or route.access is Access.CLIENT:
            return
        session = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
        self.judge_certificate(route, session.getpeercert() if session is not None else None, identity())

    def judge_certificate(self, route: Route, certificate: Certificate | None, identity: tuple[int, int]) -> None:
        """`certificate`: as `ssl` gives it; None or empty when none was shown. Raises `Problem`."""
        if not certificate:
            raise Problem("Unauthenticated", f"{route.method} {route.path} needs a client certificate, and none was shown: {_who(route)}")
        if self._names & {name for kind, name in certificate.get("subjectAltName", ()) if kind in NAMES}:
            return
        if route.access is Access.OWN and 0 not in identity and bound_members(certificate) == {identity}:
            return
        raise Problem("PermissionDenied", f"{route.method} {route.path} is not for the owner of this client certificate: {_who(route)}")


def _who(route: Route) -> str:
    return f"it is for {route.access.value} (setting tls.administrators); in Kubernetes, change the ConsensusCluster instead"
