"""Why the other side did not do it: said by it, or not answered at all."""

from __future__ import annotations


def in_words(wrong: BaseException) -> str:
    """An exception's own text, or its kind where it has none (a time-out)."""
    return str(wrong) or type(wrong).__name__


class Failure(Exception):
    """Something was asked for and was not done, or nobody knows. `reason` is CamelCase; the message is for people and holds no secret."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ApiFailure(Failure):
    """The API server answered with an error. `status` is HTTP's."""

    def __init__(self, status: int, reason: str, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(reason, message)
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def overtaken(self) -> bool:
        """What was decided on is not there any more, or is another one: look again, and nothing is wrong."""
        return self.status in (404, 409, 410)

    @property
    def busy(self) -> bool:
        return self.status == 429 or self.status >= 500


class ApiUnreachable(Failure):
    """The API server did not answer."""

    def __init__(self, message: str) -> None:
        super().__init__("ApiUnreachable", message)


class MemberFailure(Failure):
    """A member refused, or did not answer: `reason` is the node's own error, or `Unreachable`."""


class NameTaken(Failure):
    """An object that is none of ours has the name that a child must have."""

    def __init__(self, kind: str, namespace: str, name: str) -> None:
        super().__init__(
            "NameTaken",
            f"there is a {kind} {namespace}/{name} that does not belong to this resource: delete or rename it, or give the resource another"
            " name",
        )
