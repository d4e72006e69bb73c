"""One exception a cause. The API's errors are those of `quorate.wire.errors.ERRORS`, class name = error name; a test holds both equal.

    QuorateError
      ApiError               the cluster answered with an error
        InvalidRequest, Missing, Conflict, Denied, Exhausted, Unavailable, ServerFault     (families, by gRPC code)
          KeyNotFound, SessionExpired, NotLeader, ...                                       (one each row of the table)
      ClientError            this library gave up or refused
        Unreachable, DeadlineExceeded, ClientClosed, TooManyPending, MalformedAnswer, LeaseLost, LockLost,
        QueueFull, SnapshotDamaged
      OutcomeUnknown         a write that may or may not have taken effect; also the base of the API errors that say so

What to catch: `except OutcomeUnknown` before anything else when a write without a session matters; then a cause or a family.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from quorate.wire.errors import ERRORS


class Leader(NamedTuple):
    """The leader as an error names it."""

    member_id: int
    client_url: str


class QuorateError(Exception):
    """Base of everything this package raises on purpose."""

    retryable: bool = False
    """The same request may succeed later."""
    outcome_unknown: bool = False
    """The request may have taken effect, or may still do so."""

    def __init__(self, message: str, *, leader: Leader | None = None, request_id: str = "", outcome_unknown: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.leader = leader
        self.request_id = request_id
        if outcome_unknown is not None:
            self.outcome_unknown = outcome_unknown


class OutcomeUnknown(QuorateError):
    """A write was sent and no answer settled whether it took effect: read before you write again, or use a session."""

    retryable = False
    outcome_unknown = True


class ClientError(QuorateError):
    """The library itself gave up, refused or found something wrong."""


class Unreachable(ClientError):
    """No endpoint could be reached before the deadline; the request was never sent."""

    retryable = True


class DeadlineExceeded(ClientError):
    """The deadline passed; nothing was changed by this request (a read, or a write that was refused each time)."""

    retryable = True


class ClientClosed(ClientError):
    """The client is not open: use it inside `async with`, or it was closed while the request waited."""


class TooManyPending(ClientError):
    """More callers wait for their turn than `waiting_max` allows: slow down, or raise the limit."""

    retryable = True


class MalformedAnswer(ClientError):
    """A member answered something that is not of this API: check that the endpoint is a Quorate member of a supported release."""


class QueueFull(ClientError):
    """The queue holds `length_max` items already: take some, or come back later."""

    retryable = True


class LeaseLost(ClientError):
    """The lease expired, was revoked, or could not be renewed within its time: what was attached to it is gone or soon will be."""


class LockLost(ClientError):
    """The lock (or leadership) is not held any more: stop what it protected; fenced writes of this holder are refused."""


class SnapshotDamaged(ClientError):
    """A snapshot file is not complete: wrong magic, too short, or its SHA-256 differs. Take the snapshot again."""


class ApiError(QuorateError):
    """An error the cluster answered with. `error` is its name in the table, `code` the gRPC code, `status` the HTTP status."""

    error: ClassVar[str] = ""
    code: ClassVar[int] = 2
    status: ClassVar[int] = 500

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        kind = ERRORS.get(cls.__name__)
        if kind is None:
            return
        cls.error = cls.__name__
        cls.code, cls.status, cls.retryable, cls.outcome_unknown = kind


class UnknownError(ApiError):
    """An error name of a newer release that this one does not know; the message is the member's own. `name` holds the error name."""

    def __init__(
        self,
        message: str,
        *,
        name: str = "",
        leader: Leader | None = None,
        request_id: str = "",
        outcome_unknown: bool | None = True,
    ) -> None:
        super().__init__(message, leader=leader, request_id=request_id, outcome_unknown=outcome_unknown)
        self.name = name


class InvalidRequest(ApiError):
    """The request itself is wrong; sending it again cannot help."""


class Missing(ApiError):
    """What the request names is not there."""


class Conflict(ApiError):
    """The request does not fit the present state."""


class Denied(ApiError):
    """Who are you, or you may not."""


class Exhausted(ApiError):
    """A limit or a resource is used up."""


class Unavailable(ApiError):
    """Not now, or not here: the client library has already tried again within the deadline."""


class ServerFault(ApiError):
    """The member found itself at fault; see its log."""


class InvalidArgument(InvalidRequest):
    """A field has a value that is not allowed; the message names field, value and limit."""


class MalformedBody(InvalidRequest):
    """The body is not what the route takes."""


class UnknownField(InvalidRequest):
    """A field that the route does not have."""


class BodyTooLarge(InvalidRequest):
    """The body is over `limits.body_bytes_max`."""


class KeyTooLarge(InvalidRequest):
    """The key is over the limit."""


class ValueTooLarge(InvalidRequest):
    """The value is over the limit."""


class EmptyKey(InvalidRequest):
    """A key must have at least one byte."""


class TooManyOperations(InvalidRequest):
    """A transaction has more operations than allowed."""


class DuplicateKey(InvalidRequest):
    """A transaction writes the same key twice."""


class UnsupportedMediaType(InvalidRequest):
    """The content type is not one the route takes."""


class MethodNotAllowed(InvalidRequest):
    """The path exists, the method does not."""


class LeaseTtlTooLarge(InvalidRequest):
    """The time to live is over the limit."""


class FutureRevision(InvalidRequest):
    """The revision has not been issued yet."""


class Unauthenticated(Denied):
    """No or wrong credentials."""


class PermissionDenied(Denied):
    """These credentials do not allow it."""


class NotFound(Missing):
    """No such route or object."""


class KeyNotFound(Missing):
    """No such key."""


class LeaseNotFound(Missing):
    """No such lease: it expired, was revoked, or never was."""


class MemberNotFound(Missing):
    """No such member."""


class LeaseExists(Conflict):
    """The lease id asked for is taken."""


class MemberExists(Conflict):
    """A member with this address or id exists."""


class MemberNotLearner(Conflict):
    """Only a learner can be promoted."""


class MemberNotReady(Conflict):
    """The learner has not caught up yet."""


class MembershipChangePending(Conflict):
    """Another change of the membership is under way."""


class QuorumWouldBeLost(Conflict):
    """The change would leave the cluster without a quorum."""


class ConfigurationChanged(Conflict):
    """The membership is not the one that was expected."""


class AlreadyBootstrapped(Conflict):
    """The member, or a peer of it, already belongs to a cluster of this token."""


class ApplicationNotRegistered(Conflict):
    """No application state machine is registered."""


class TransferFailed(Conflict):
    """Leadership could not be moved in time; the old leader goes on."""


class Compacted(InvalidRequest):
    """The revision was compacted: its history is gone."""


class WatchCompacted(Compacted):
    """A watch cannot go on: history up to `compact_revision` is gone, and `next_revision` was still to come.

    Read what you watch, then watch again from the revision of that read + 1.
    """

    def __init__(self, compact_revision: int, next_revision: int) -> None:
        super().__init__(
            f"revision {next_revision} is compacted (up to {compact_revision}): read the present state, then watch from its revision + 1"
        )
        self.compact_revision = compact_revision
        self.next_revision = next_revision


class SessionExpired(Conflict):
    """The session is gone. Not executed now; `outcome_unknown` tells whether an earlier try may have been."""


class SessionSequenceForgotten(Conflict):
    """The session has already forgotten this sequence number."""


class TooManyRequests(Exhausted):
    """The member is at its limit of open requests."""


class TooManyWatches(Exhausted):
    """The member is at its limit of open watches."""


class SlowConsumer(Exhausted):
    """This client did not read fast enough and was cut off."""


class NoSpace(Exhausted):
    """The members' disk is full: writes are refused, reads are served."""


class NotLeader(Unavailable):
    """This member is not the leader; `leader` names it."""


class NoLeader(Unavailable):
    """No leader is known at present."""


class NotReady(Unavailable):
    """The member is starting or repairing."""


class ShuttingDown(Unavailable):
    """The member is stopping."""


class StoreUnavailable(Unavailable):
    """The member's disk does not take writes at present."""


class TooStale(Unavailable):
    """This member is further behind than the read allows."""


class Timeout(Unavailable, OutcomeUnknown):
    """The member gave up waiting; a write may still take effect."""


class LeadershipLost(Unavailable, OutcomeUnknown):
    """The leader changed while the write was under way; it may still take effect."""


class Diverged(ServerFault):
    """The member's state differs from the others'; it has stopped."""


class Internal(ServerFault, OutcomeUnknown):
    """The member failed in a way it did not expect; see its log by `request_id`."""


def _subclasses(cls: type[ApiError]) -> list[type[ApiError]]:
    return [each for direct in cls.__subclasses__() for each in (direct, *_subclasses(direct))]


BY_NAME: dict[str, type[ApiError]] = {each.__name__: each for each in _subclasses(ApiError) if each.__name__ in ERRORS}
"""error name -> class, for every row of `quorate.wire.errors.ERRORS`."""


def from_answer(
    name: str, message: str, *, leader: Leader | None = None, request_id: str = "", outcome_unknown: bool | None = None
) -> ApiError:
    """The exception for an answered error name; `UnknownError` for a name of a newer release."""
    found = BY_NAME.get(name)
    if found is None:
        return UnknownError(f"{name}: {message}", name=name, leader=leader, request_id=request_id)
    return found(message, leader=leader, request_id=request_id, outcome_unknown=outcome_unknown)
