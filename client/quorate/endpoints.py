"""Which member to talk to: the leader when it is known and answers, else any other; a failing one rests for a while."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable
from urllib.parse import urlsplit

from quorate.backoff import Backoff


def normalise(url: str, *, tls: bool = False) -> str:
    """`host:port` or an http(s) URL without a path, as `scheme://host:port`. Raises `ValueError` naming what is wrong."""
    text = url.strip()
    if not text:
        raise ValueError("endpoints: an endpoint is empty; give http://HOST:PORT")
    if "://" not in text:
        text = f"{'https' if tls else 'http'}://{text}"
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"endpoints: {url!r} has scheme {parts.scheme!r}; only http and https are served")
    if not parts.hostname or parts.username is not None or not parts.hostname.isprintable() or " " in parts.hostname:
        raise ValueError(f"endpoints: {url!r} must be http://HOST:PORT, without user or password")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(f"endpoints: {url!r} must not have a path or a query; give http://HOST:PORT")
    try:
        port = parts.port
    except ValueError as wrong:
        raise ValueError(f"endpoints: {url!r} has a port that is not 1 to 65535") from wrong
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port or (443 if parts.scheme == 'https' else 80)}"


class _Rest:
    """How a member has done lately."""

    __slots__ = ("failures", "until_s")

    def __init__(self) -> None:
        self.failures = 0
        self.until_s = 0.0


class Endpoints:
    """The members' addresses and their present standing. No clock of its own: every call is told the time in seconds."""

    def __init__(self, urls: Iterable[str], *, tls: bool = False, backoff: Backoff | None = None) -> None:
        self._given = list(dict.fromkeys(normalise(url, tls=tls) for url in urls))
        if not self._given:
            raise ValueError("endpoints: none given; name at least one member as http://HOST:PORT")
        random.shuffle(self._given)
        self._backoff = backoff or Backoff()
        self._rest: dict[str, _Rest] = {url: _Rest() for url in self._given}
        self._leader = ""

    @property
    def urls(self) -> list[str]:
        return list(self._given)

    @property
    def leader(self) -> str:
        """The leader's URL as last heard, or an empty string."""
        return self._leader

    def set_leader(self, url: str) -> None:
        """Take a leader's address as an answer named it; one that is no usable URL is ignored, since it cannot be tried."""
        if self._leader and self._leader not in self._given:
            self._rest.pop(self._leader, None)
        try:
            self._leader = normalise(url) if url else ""
        except ValueError:
            self._leader = ""
        if self._leader:
            self._rest.setdefault(self._leader, _Rest())

    def failed(self, url: str, now_s: float) -> None:
        """It refused, died or does not serve: let it rest, longer each time."""
        rest = self._rest.get(url)
        if rest is None:
            return
        rest.until_s = now_s + self._backoff.delay_s(rest.failures)
        rest.failures += 1
        if url == self._leader:
            self._leader = ""
            if url not in self._given:
                del self._rest[url]

    def succeeded(self, url: str) -> None:
        rest = self._rest.get(url)
        if rest is not None:
            rest.failures, rest.until_s = 0, 0.0

    def choose(self, now_s: float, *, prefer_leader: bool = True, avoid: Collection[str] = ()) -> tuple[str, float]:
        """(URL, seconds to wait before trying it): 0 when a member is fit; else the one whose rest ends first."""
        if prefer_leader and self._leader and self._leader not in avoid and self._rest[self._leader].until_s <= now_s:
            return self._leader, 0.0
        candidates = [url for url in self._given if url not in avoid] or self._given
        best = min(candidates, key=lambda url: (max(self._rest[url].until_s, now_s), self._rest[url].failures))
        self._given.append(self._given.pop(self._given.index(best)))  # round robin among equals
        return best, max(0.0, self._rest[best].until_s - now_s)
