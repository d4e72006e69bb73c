"""Exit codes, and every error as one line with its remedy."""

from __future__ import annotations

import json
from enum import IntEnum

from quorate_operator.clients.errors import ApiFailure, ApiUnreachable, Failure


class Exit(IntEnum):
    """What a program may conclude from the exit code (docs/plugin.md has the same table)."""

    OK = 0
    ERROR = 1
    """The API server refused, a local file could not be used, or a check failed."""
    USAGE = 2
    UNREACHABLE = 3
    """The API server could not be reached, or there is no kubeconfig."""
    NOT_FOUND = 4
    REFUSED = 5
    """The cluster is in no state for it; nothing was changed."""
    TIMEOUT = 8
    """Waited as long as was allowed."""
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class PluginError(Exception):
    """What happened, and what to do."""

    code = Exit.ERROR

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


class NotFound(PluginError):
    code = Exit.NOT_FOUND


class Refused(PluginError):
    code = Exit.REFUSED


class WaitedTooLong(PluginError):
    code = Exit.TIMEOUT


_REMEDIES = {
    401: "log in again: the API server does not know who you are (`kubectl auth whoami`)",
    403: "ask for the role `edit` in that namespace, or `view` to look: `kubectl auth can-i patch consensusclusters.quorate.io`",
    409: "run the command again: somebody else changed the resource at the same time",
    429: "run the command again later: the API server has too much to do",
}


KNOWN = (PluginError, Failure, OSError)
"""Told in one line; anything else is a bug."""


def exit_code(error: Exception) -> Exit:
    if isinstance(error, PluginError):
        return error.code
    if isinstance(error, ApiUnreachable):
        return Exit.UNREACHABLE
    if isinstance(error, ApiFailure) and error.status == 404:
        return Exit.NOT_FOUND
    return Exit.ERROR


def remedy(error: Exception) -> str:
    """Empty when the message itself says it, as the refusals of the API server do."""
    if isinstance(error, PluginError):
        return error.remedy
    if isinstance(error, ApiUnreachable):
        return "check --kubeconfig and --context: `kubectl cluster-info` must work with the same ones"
    if isinstance(error, ApiFailure):
        return _REMEDIES.get(error.status, "")
    return ""


def one_line(error: Exception, as_json: bool) -> str:
    """The line for stderr: `error`, `message`, `remedy`, `exit_code` as JSON."""
    message = " ".join((str(error) or type(error).__name__).split())
    name = error.reason if isinstance(error, Failure) else type(error).__name__
    advice = remedy(error)
    if as_json:
        return _json(name, message, advice, int(exit_code(error)))
    return f"kubectl quorate: {message}" + (f"; {advice}" if advice else "")


def usage_json(message: str, remedy: str, exit_code: int) -> str:
    """Something that cannot be asked for like this, for programs."""
    return _json("Usage", message, remedy, exit_code)


def _json(error: str, message: str, remedy: str, exit_code: int) -> str:
    return json.dumps({"error": error, "message": message, "remedy": remedy, "exit_code": exit_code}, ensure_ascii=False)
