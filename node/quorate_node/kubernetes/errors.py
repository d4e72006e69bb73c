"""Why the API server did not do what it was asked. No message ever holds the token."""

from __future__ import annotations

from typing import Any

MESSAGE_LENGTH_MAX = 500


class ApiFailure(Exception):
    """No usable answer, or a refusal."""


class ApiUnreachable(ApiFailure):
    """The API server did not answer: whether it did what it was asked is not known."""


class NotInKubernetes(ApiFailure):
    """This process has no ServiceAccount: it says which variable or file is missing, and where it comes from."""


class ApiError(ApiFailure):
    """The API server refused. `code` is the HTTP status, `reason` the word of its Status object ("Conflict"), empty when it gave none."""

    def __init__(self, code: int, reason: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(f"{code}{f' {reason}' if reason else ''}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s
        """The API server's own wish; 0: it named none."""

    @property
    def not_found(self) -> bool:
        return self.code == 404

    @property
    def conflict(self) -> bool:
        """The object is not as it was read, or is there already: read it again."""
        return self.code == 409

    @property
    def gone(self) -> bool:
        """The resourceVersion is too old to go on from: list anew."""
        return self.code == 410

    @property
    def forbidden(self) -> bool:
        """401 and 403: the ServiceAccount may not do this, or its token is not accepted."""
        return self.code in (401, 403)


def refusal(code: int, status: Any, text: str = "", retry_after: str = "") -> ApiError:
    """`status`: the decoded body, a `Status` of the API when the API server itself answered; `text`: the body when it is no JSON."""
    words = status if isinstance(status, dict) else {}
    message = str(words.get("message") or text or "no reason was given")[:MESSAGE_LENGTH_MAX]
    details = words.get("details")
    seconds: Any = details.get("retryAfterSeconds", 0) if isinstance(details, dict) else 0
    if retry_after.isdigit():
        seconds = int(retry_after[:6])
    wait_s = float(seconds) if isinstance(seconds, int | float) and seconds > 0 else 0.0
    return ApiError(code, str(words.get("reason") or ""), message, wait_s)
