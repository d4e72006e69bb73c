"""Which cluster versions the members' releases can apply, and how the next one is activated: by an entry that all of them know.

DESIGN decision 8. Until then a member may go back to the release before; afterwards an older one is refused, wherever it comes from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from quorate.wire.commands import ClusterVersion, Command, CommandKind
from quorate.wire.results import Failure
from quorate_node.machine.rules import Release
from quorate_node.replica.engine import Engine
from quorate_node.replica.parcel import Parcel
from quorate_node.replica.service import ServiceError
from quorate_node.transport.interface import Identity


class Versions:
    """Of this member and, since its start, of all that it shook hands with."""

    def __init__(self, own: Release, in_force: Callable[[], int]) -> None:
        """`in_force()`: the cluster version at this member's applied index; 0 while it is not known."""
        self.own = own
        self._in_force = in_force
        self._of: dict[int, Release] = {}

    def judge(self, peer: Identity) -> str | None:
        """None admits; a text refuses and is told to the peer."""
        release = Release(peer.version_low, peer.version_high)
        refusal = self.refusal(release, f"member {peer.member_id}")
        if refusal is None and peer.member_id:
            self._of[peer.member_id] = release
        return refusal

    def refusal(self, release: Release, who: str) -> str | None:
        """Why `who` cannot be one of us; None when it can."""
        in_force = self._in_force()
        if not in_force or release.knows(in_force):
            return None
        return (
            f"{who} runs a release for cluster versions {release.version_low} to {release.version_high}, this cluster is at "
            f"{in_force}: start it with a release that knows that version"
        )

    def require_all(self, version: int, others: list[int], answers: Callable[[int], bool]) -> None:
        """Raises `ServiceError` unless this member and all `others`, each of which must answer now, can apply `version`."""
        if not self.own.knows(version):
            raise _refused(version, f"this member's release knows {self.own.version_low} to {self.own.version_high}: upgrade it")
        for member_id in others:
            release = self._of.get(member_id)
            if release is None or not answers(member_id):
                raise ServiceError("MemberNotReady", f"member {member_id} does not answer, so its release is not known: bring it back")
            if not release.knows(version):
                text = f"member {member_id} runs a release for {release.version_low} to {release.version_high}: upgrade it first"
                raise _refused(version, text)


def _refused(version: int, why: str) -> ServiceError:
    return ServiceError("InvalidArgument", f"cluster version {version} cannot be activated: {why}")


async def activate(engine: Engine, version: int, until_s: float) -> None:
    """On the leader: propose it, and wait until it is applied here. Raises `ServiceError`."""
    loop = asyncio.get_running_loop()
    applied: asyncio.Future[None] = loop.create_future()

    def done(result: object) -> None:
        if applied.done():
            return
        if isinstance(result, ServiceError):
            applied.set_exception(result)
        elif isinstance(result, Failure):
            applied.set_exception(ServiceError(result.error, result.message))
        else:
            applied.set_result(None)

    payload = msgspec.Raw(msgspec.msgpack.encode(ClusterVersion(version)))
    command = Command(CommandKind.CLUSTER_VERSION, 1, 0, 0, 0, "", 0, payload)
    if not engine.pending.add(Parcel.single(command, done, until_s)):
        raise ServiceError("TooManyRequests", "the queue of proposals is full; try again in a moment")
    engine.wake()
    await applied
