"""Every error the API answers with: its name, its gRPC code, its HTTP status, and whether a retry can help.

One table, used by the node to answer and by the client to raise; an exception a cause. `outcome_unknown` says that the command
may still take effect: only a retry within a session is then safe.
"""

from __future__ import annotations

from typing import NamedTuple


class ErrorKind(NamedTuple):
    code: int
    """gRPC status code, so that both APIs agree."""
    status: int
    """HTTP status."""
    retryable: bool
    outcome_unknown: bool = False


ERRORS: dict[str, ErrorKind] = {
    "InvalidArgument": ErrorKind(3, 400, False),
    "MalformedBody": ErrorKind(3, 400, False),
    "UnknownField": ErrorKind(3, 400, False),
    "BodyTooLarge": ErrorKind(3, 413, False),
    "KeyTooLarge": ErrorKind(3, 400, False),
    "ValueTooLarge": ErrorKind(3, 400, False),
    "EmptyKey": ErrorKind(3, 400, False),
    "TooManyOperations": ErrorKind(3, 400, False),
    "DuplicateKey": ErrorKind(3, 400, False),
    "UnsupportedMediaType": ErrorKind(3, 415, False),
    "Unauthenticated": ErrorKind(16, 401, False),
    "PermissionDenied": ErrorKind(7, 403, False),
    "NotFound": ErrorKind(5, 404, False),
    "MethodNotAllowed": ErrorKind(12, 405, False),
    "KeyNotFound": ErrorKind(5, 404, False),
    "LeaseNotFound": ErrorKind(5, 404, False),
    "LeaseExists": ErrorKind(9, 409, False),
    "LeaseTtlTooLarge": ErrorKind(11, 400, False),
    "MemberNotFound": ErrorKind(5, 404, False),
    "MemberExists": ErrorKind(9, 409, False),
    "MemberNotLearner": ErrorKind(9, 409, False),
    "MemberNotReady": ErrorKind(9, 409, True),
    "MembershipChangePending": ErrorKind(9, 409, True),
    "QuorumWouldBeLost": ErrorKind(9, 409, False),
    "ConfigurationChanged": ErrorKind(9, 409, False),
    "AlreadyBootstrapped": ErrorKind(9, 409, False),
    "Compacted": ErrorKind(11, 410, False),
    "FutureRevision": ErrorKind(11, 400, False),
    "SessionExpired": ErrorKind(9, 410, False),
    "SessionSequenceForgotten": ErrorKind(9, 410, False),
    "ApplicationNotRegistered": ErrorKind(9, 409, False),
    "NotLeader": ErrorKind(14, 421, True),
    "NoLeader": ErrorKind(14, 503, True),
    "NotReady": ErrorKind(14, 503, True),
    "ShuttingDown": ErrorKind(14, 503, True),
    "TooManyRequests": ErrorKind(8, 429, True),
    "TooManyWatches": ErrorKind(8, 429, True),
    "SlowConsumer": ErrorKind(8, 429, True),
    "NoSpace": ErrorKind(8, 507, True),
    "StoreUnavailable": ErrorKind(14, 503, True),
    "TooStale": ErrorKind(14, 503, True),
    "Timeout": ErrorKind(4, 504, True, True),
    "LeadershipLost": ErrorKind(14, 503, True, True),
    "TransferFailed": ErrorKind(10, 503, True),
    "Diverged": ErrorKind(15, 500, False),
    "Internal": ErrorKind(13, 500, False, True),
}
