"""What a member says of itself that an operator must see."""

from __future__ import annotations

import msgspec

from quorate.wire.commands import ApplicationVersion, Command, CommandKind
from tests.unit.replica.network import LocalCluster


async def test_a_member_without_the_clusters_own_machine_says_so() -> None:
    """Its proposals are answered with nothing: whoever forgot the setting on one member must not take that for the machine's answer."""
    async with LocalCluster(1) as cluster:
        await cluster.formed()
        service = cluster.leader().service
        assert service.status().errors == ()
        payload = msgspec.Raw(msgspec.msgpack.encode(ApplicationVersion("counter", 3)))
        await service.execute(Command(CommandKind.APPLICATION_VERSION, 1, 0, 0, 0, "", 0, payload))
        (alarm,) = service.status().errors
        assert alarm == "Application: the cluster's machine is 'counter' version 3, this member none: set application.machine"
