"""The one table of routes. The general server, `/openapi.json`, the documentation and the tests are made from it."""

from __future__ import annotations

from enum import Enum
from typing import Any, NamedTuple

from quorate_node.api.http import answers, bodies
from quorate_node.api.http.queries import (
    ApplyQuery,
    KeyQuery,
    LeaseQuery,
    MemberQuery,
    NoQuery,
    Query,
    RestoreQuery,
    StreamQuery,
    WatchQuery,
)

JSON = "application/json"
EVENTS = "text/event-stream"
BINARY = "application/octet-stream"
TEXT = "text/plain"


class Access(Enum):
    """Who may use a route where administrators are named (`tls.administrators`); where none are, everybody may use all."""

    CLIENT = "client"
    OWN = "administrator, or this member's own certificate"
    """What a pod does for itself: hand over before it goes, save what it has."""
    ADMINISTRATOR = "administrator"


class Route(NamedTuple):
    name: str
    method: str
    path: str
    """As aiohttp writes it; `{key:.+}` takes slashes too."""
    summary: str
    answer: Any
    """Struct of a 200 answer; None for one that is no JSON."""
    body: Any = None
    """Struct of the JSON body; None takes none."""
    query: type[Query] = NoQuery
    media: str = JSON
    """Content type of the answer."""
    body_media: str = JSON
    errors: tuple[str, ...] = ()
    """Errors besides those every route may answer (docs/api.md)."""
    access: Access = Access.CLIENT


_WRITE = ("SessionExpired", "SessionSequenceForgotten", "NoSpace", "LeadershipLost", "NotLeader", "NoLeader", "Timeout")
_READ = ("NotLeader", "NoLeader", "TooStale", "Timeout", "Compacted", "FutureRevision")
_MEMBERS = ("MembershipChangePending", "QuorumWouldBeLost", "ConfigurationChanged", "NoLeader", "Timeout")
_B = bytes

ROUTES: tuple[Route, ...] = (
    Route("put", "POST", "/v1/put", "Set one key.", answers.PutAnswer[_B], bodies.PutBody[_B],
          errors=("EmptyKey", "KeyTooLarge", "ValueTooLarge", "LeaseNotFound", "KeyNotFound", *_WRITE)),
    Route("range", "POST", "/v1/range", "Read a range of keys.", answers.RangeAnswer[_B], bodies.RangeBody[_B], errors=_READ),
    Route("key", "GET", "/v1/keys/{key:.*}", "Read one key.", answers.KeyAnswer[_B], query=KeyQuery, errors=("KeyNotFound", *_READ)),
    Route("delete", "POST", "/v1/delete", "Delete a range of keys.", answers.DeleteAnswer[_B], bodies.DeleteBody[_B], errors=_WRITE),
    Route("txn", "POST", "/v1/txn", "Compare, then run one of two lists of operations, at one revision.",
          answers.TxnAnswer[_B], bodies.TxnBody[_B], errors=("TooManyOperations", "DuplicateKey", *_WRITE)),
    Route("compact", "POST", "/v1/compact", "Forget history up to a revision.", answers.RevisionAnswer, bodies.CompactBody,
          errors=("Compacted", "FutureRevision", *_WRITE)),
    Route("watch", "GET", "/v1/watch", "Follow changes: server-sent events, or a WebSocket for many watches.", None, query=WatchQuery,
          media=EVENTS, errors=("TooManyWatches", "SlowConsumer", "Compacted")),
    Route("lease_grant", "POST", "/v1/leases", "Grant a lease.", answers.LeaseAnswer, bodies.LeaseGrantBody,
          errors=("LeaseExists", "LeaseTtlTooLarge", *_WRITE)),
    Route("lease_keepalive", "POST", "/v1/leases/keepalive", "Renew leases.", answers.LeaseListAnswer, bodies.LeaseKeepAliveBody,
          errors=_WRITE),
    Route("lease_list", "GET", "/v1/leases", "List leases.", answers.LeaseListAnswer, errors=_READ),
    Route("lease_get", "GET", "/v1/leases/{id}", "Look a lease up.", answers.LeaseDetailAnswer[_B], query=LeaseQuery,
          errors=("LeaseNotFound", *_READ)),
    Route("lease_revoke", "DELETE", "/v1/leases/{id}", "Revoke a lease and delete its keys.", answers.RevisionAnswer,
          errors=("LeaseNotFound", *_WRITE)),
    Route("session_create", "POST", "/v1/sessions", "Create a client session.", answers.SessionAnswer, bodies.SessionCreateBody,
          errors=_WRITE),
    Route("session_close", "DELETE", "/v1/sessions/{id}", "Close a client session.", answers.EmptyAnswer, errors=_WRITE),
    Route("stream", "GET", "/v1/stream", "The pipelined binary stream (WebSocket).", None, query=StreamQuery, media=BINARY),
    Route("propose", "POST", "/v1/propose", "Propose a command of the application's machine.", answers.ProposeAnswer[_B],
          bodies.ProposeBody[_B], errors=("ApplicationNotRegistered", *_WRITE)),
    Route("apply", "GET", "/v1/apply", "Follow the application's commands in order.", None, query=ApplyQuery, media=EVENTS,
          errors=("Compacted",)),
    Route("member_list", "GET", "/v1/members", "List members.", answers.MembersAnswer),
    Route("member_add", "POST", "/v1/members", "Add a learner, witness or non-voting member.", answers.MemberIdAnswer, bodies.MemberAddBody,
          errors=("MemberExists", *_MEMBERS), access=Access.ADMINISTRATOR),
    Route("member_promote", "POST", "/v1/members/{id}/promote", "Make a learner a voter.", answers.EmptyAnswer, bodies.MemberChangeBody,
          errors=("MemberNotFound", "MemberNotLearner", "MemberNotReady", *_MEMBERS), access=Access.ADMINISTRATOR),
    Route("member_remove", "DELETE", "/v1/members/{id}", "Remove a member.", answers.EmptyAnswer, query=MemberQuery,
          errors=("MemberNotFound", *_MEMBERS), access=Access.ADMINISTRATOR),
    Route("member_replace", "POST", "/v1/members/{id}/replace", "Replace a member by a new one.", answers.MemberIdAnswer,
          bodies.MemberReplaceBody, errors=("MemberNotFound", "MemberExists", *_MEMBERS), access=Access.ADMINISTRATOR),
    Route("leader", "GET", "/v1/leader", "Who leads.", answers.LeaderAnswer, errors=("NoLeader",)),
    Route("leader_transfer", "POST", "/v1/leader/transfer", "Hand leadership over.", answers.LeaderAnswer, bodies.TransferBody,
          errors=("TransferFailed", "MemberNotFound", "NoLeader", "Timeout"), access=Access.OWN),
    Route("leader_step_down", "POST", "/v1/leader/step-down", "Give leadership up.", answers.EmptyAnswer, bodies.NoBody,
          errors=("NotLeader", "TransferFailed"), access=Access.OWN),
    Route("snapshot", "GET", "/v1/snapshot", "Download a snapshot file.", None, media=BINARY, access=Access.OWN),
    Route("bootstrap", "POST", "/v1/bootstrap", "Make this empty member a cluster of one.", answers.ClusterAnswer, bodies.BootstrapBody,
          errors=("AlreadyBootstrapped",), access=Access.ADMINISTRATOR),
    Route("restore", "POST", "/v1/restore", "Make this empty member a cluster with a snapshot's content.", answers.ClusterAnswer,
          query=RestoreQuery, body_media=BINARY, errors=("AlreadyBootstrapped", "BodyTooLarge"), access=Access.ADMINISTRATOR),
    Route("status", "GET", "/v1/status", "This member.", answers.StatusAnswer),
    Route("version", "GET", "/v1/version", "Versions of this member and of the cluster.", answers.VersionAnswer),
    Route("health_live", "GET", "/health/live", "Whether the process works.", answers.HealthAnswer),
    Route("health_ready", "GET", "/health/ready", "Whether this member serves clients.", answers.HealthAnswer),
    Route("health_startup", "GET", "/health/startup", "Whether this member has started.", answers.HealthAnswer),
    Route("metrics", "GET", "/metrics", "Metrics in Prometheus' text format.", None, media=TEXT),
    Route("openapi", "GET", "/openapi.json", "This document.", None),
)
