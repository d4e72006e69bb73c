"""The calls of operators: members, leadership, status, snapshots, the application's log. Over HTTP, to any member."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

from quorate.answers import Empty, LeaderInfo, LeaseInfo, Leases, MemberAdded, Members, Proposed, Restored, SnapshotInfo, Status
from quorate.http_calls import HttpCalls
from quorate.operations import Text, to_bytes
from quorate.options import Options
from quorate.snapshot_file import receive_snapshot, send_snapshot
from quorate.wire.results import ApplicationResult

Progress = Callable[[int, int | None], None]
"""Called with (bytes so far, bytes in all or None while unknown)."""


class Administration:
    """Base of `Cluster`. Membership calls take `expected_configuration_index` (from `members()`): then `ConfigurationChanged`
    is raised instead of a change that somebody else's change has overtaken. They are never sent twice; a lost answer raises
    `OutcomeUnknown`: ask `members()`."""

    options: Options

    def _opened_calls(self) -> HttpCalls:
        raise NotImplementedError

    async def members(self, endpoint: str | None = None, *, timeout_s: float | None = None) -> Members:
        """The members as `endpoint`, or any member, knows them; only the leader also tells each one's `progress`."""
        return await self._opened_calls().call("GET", "/v1/members", Members, endpoint=endpoint, timeout_s=timeout_s)

    async def member_add(
        self,
        peer_url: str,
        *,
        name: str = "",
        witness: bool = False,
        non_voting: bool = False,
        priority: int = 0,
        expected_configuration_index: int | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """Add a learner, promoted by itself once it has caught up (if it is not `non_voting`), or a witness. Returns the new id."""
        body: dict[str, Any] = {"peer_url": peer_url, "name": name, "witness": witness, "priority": priority}
        body |= {"non_voting": True} if non_voting else {}
        body |= _expected(expected_configuration_index)
        return (await self._opened_calls().call("POST", "/v1/members", MemberAdded, body=body, safe=False, timeout_s=timeout_s)).member_id

    async def member_promote(
        self, member_id: int, *, expected_configuration_index: int | None = None, timeout_s: float | None = None
    ) -> None:
        """Raises `MemberNotFound`, `MemberNotLearner` (it votes, or never will), `MemberNotReady`."""
        path = f"/v1/members/{member_id}/promote"
        body = _expected(expected_configuration_index)
        await self._opened_calls().call("POST", path, Empty, body=body, safe=False, timeout_s=timeout_s)

    async def member_remove(
        self, member_id: int, *, expected_configuration_index: int | None = None, timeout_s: float | None = None
    ) -> None:
        """Raises `MemberNotFound`, `QuorumWouldBeLost`."""
        query = _expected(expected_configuration_index)
        await self._opened_calls().call("DELETE", f"/v1/members/{member_id}", Empty, query=query, safe=False, timeout_s=timeout_s)

    async def member_replace(
        self,
        member_id: int,
        peer_url: str,
        *,
        name: str = "",
        expected_configuration_index: int | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """Put a new member in a lost one's place, in one change. Returns the new member's id."""
        body = {"peer_url": peer_url, "name": name} | _expected(expected_configuration_index)
        path = f"/v1/members/{member_id}/replace"
        return (await self._opened_calls().call("POST", path, MemberAdded, body=body, safe=False, timeout_s=timeout_s)).member_id

    async def leader(self, *, timeout_s: float | None = None) -> LeaderInfo:
        """Who leads. Raises `NoLeader` when nobody does until the deadline, `NotReady` at once when no member belongs to a cluster."""
        return await self._opened_calls().call("GET", "/v1/leader", LeaderInfo, timeout_s=timeout_s, final=frozenset({"NotReady"}))

    async def transfer(self, to: int = 0, *, timeout_s: float | None = None) -> LeaderInfo:
        """Move leadership to member `to` (0: to the best follower). Returns the new leader. Raises `TransferFailed`."""
        body = {"to": str(to)} if to else {}
        return await self._opened_calls().call("POST", "/v1/leader/transfer", LeaderInfo, body=body, safe=False, timeout_s=timeout_s)

    async def step_down(self, *, timeout_s: float | None = None) -> None:
        """Make the leader a follower, without saying who follows it."""
        await self._opened_calls().call("POST", "/v1/leader/step-down", Empty, body={}, safe=False, timeout_s=timeout_s)

    async def status(self, endpoint: str | None = None, *, timeout_s: float | None = None) -> Status:
        """One member's view of itself: of `endpoint`, or of any member that answers."""
        return await self._opened_calls().call("GET", "/v1/status", Status, endpoint=endpoint, timeout_s=timeout_s)

    async def leases(self, *, timeout_s: float | None = None) -> list[LeaseInfo]:
        return (await self._opened_calls().call("GET", "/v1/leases", Leases, timeout_s=timeout_s)).leases

    async def lease_info(self, lease: int, *, keys: bool = False, timeout_s: float | None = None) -> LeaseInfo:
        """Time left, and with `keys` what is attached. Raises `LeaseNotFound`."""
        query = {"keys": "true"} if keys else None
        return await self._opened_calls().call("GET", f"/v1/leases/{lease}", LeaseInfo, query=query, timeout_s=timeout_s)

    async def bootstrap(self, token: str, *, endpoint: str | None = None, timeout_s: float | None = None) -> Restored:
        """Make one empty member a cluster of one. Raises `AlreadyBootstrapped`."""
        body = {"token": token}
        calls = self._opened_calls()
        return await calls.call("POST", "/v1/bootstrap", Restored, body=body, safe=False, endpoint=endpoint, timeout_s=timeout_s)

    async def snapshot(self, path: str | Path, *, progress: Progress | None = None, timeout_s: float = 3600.0) -> SnapshotInfo:
        """Save a snapshot file of the whole cluster: checked, synced to disk, and only then given its name.

        Raises `SnapshotDamaged` when what arrived is not whole, `OSError` when it cannot be written.
        """
        return await receive_snapshot(self._opened_calls(), Path(path), progress, timeout_s)

    async def restore(
        self, path: str | Path, token: str, *, endpoint: str | None = None, progress: Progress | None = None, timeout_s: float = 3600.0
    ) -> Restored:
        """Fill an empty member with a snapshot file (checked first): a new cluster with that content. Raises `AlreadyBootstrapped`."""
        return await send_snapshot(self._opened_calls(), Path(path), token, endpoint, progress, timeout_s)

    async def propose(self, payload: Text, *, timeout_s: float | None = None) -> ApplicationResult:
        """Put a command for the application's own machine in the log. Not sent twice: a lost answer raises `OutcomeUnknown`."""
        body = {"payload": base64.b64encode(to_bytes(payload, "payload")).decode()}
        answer = await self._opened_calls().call("POST", "/v1/propose", Proposed, body=body, safe=False, timeout_s=timeout_s)
        return ApplicationResult(answer.index, answer.value, answer.rejected)


def _expected(index: int | None) -> dict[str, str]:
    return {} if index is None else {"expected_configuration_index": str(index)}
