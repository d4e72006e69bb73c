"""Browsers may use the API from its own origin only: no cross-origin requests, no rebinding of a foreign name to our address.

etcd learned both the hard way (CVE-2018-1098, CVE-2018-1099). A program that is no browser sends neither `Origin` nor `Sec-Fetch-Site`.
"""

from __future__ import annotations

import ipaddress

from quorate_node.api.http.problem import Problem


def judge_origin(fields: dict[str, bytes], hosts_allowed: tuple[str, ...]) -> None:
    """Raise `Problem` PermissionDenied for a request that a foreign page made, or that names a host nobody allowed.

    `fields` are the header fields by lower-case name; `host` is there, perhaps empty.
    """
    host = fields["host"].decode("latin-1").lower()
    name = _host_name(host)
    origin = fields.get("origin")
    site = fields.get("sec-fetch-site")
    browser = origin is not None or site is not None
    if (browser or hosts_allowed) and not _trusted(name, hosts_allowed):
        message = f"header `host`: {name[:100]!r} is not a host this API answers to; add it to the setting `hosts_allowed`"
        raise Problem("PermissionDenied", message)
    if origin is not None and origin.decode("latin-1").lower() not in (f"http://{host}", f"https://{host}"):
        raise Problem("PermissionDenied", "header `origin`: cross-origin requests are refused; use a page of the same origin")
    if site is not None and site not in (b"same-origin", b"none"):
        raise Problem("PermissionDenied", "header `sec-fetch-site`: cross-site requests are refused; use a page of the same origin")


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host[1:].split("]", 1)[0]
    return host.rsplit(":", 1)[0] if host.count(":") == 1 else host


def _trusted(name: str, hosts_allowed: tuple[str, ...]) -> bool:
    if name == "localhost" or name in hosts_allowed:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
