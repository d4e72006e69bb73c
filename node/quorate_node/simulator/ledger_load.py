"""Clients of the application: each proposes one payload after the other, every one once, or in a session until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from quorate.wire.commands import Command, CommandKind, SessionCreate
from quorate.wire.results import ApplicationResult, SessionResult
from quorate_node.simulator.caller import Caller, Rejected, Unanswered, command_of, execute
from quorate_node.simulator.host import Host
from quorate_node.simulator.ledger import REJECTED_END
from quorate_node.simulator.ledger_checks import LedgerChecks
from quorate_node.simulator.options import Options
from quorate_node.simulator.streams import stream

FIRST_NUMBER = 50_000
ATTEMPTS_MAX = 6
RETRY_S = 0.05


class LedgerClient:
    def __init__(self, number: int, caller: Caller, hosts: Callable[[], Sequence[Host]], checks: LedgerChecks, options: Options) -> None:
        self.number = FIRST_NUMBER + number
        self._caller = caller
        self._hosts = hosts
        self._checks = checks
        self._options = options
        self._random = stream(options.seed, "ledger client", number)
        self._with_session = self._random.random() < 0.5
        self._session = self._seq = self._proposed = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            await asyncio.sleep(self._random.uniform(0, self._options.think_ms_max) / 1000)
            if self._with_session and not self._session:
                await self._open_session()
            else:
                await self.propose()

    def use_only(self, hosts: Sequence[Host]) -> None:
        self._hosts = lambda: hosts

    async def propose(self) -> bool:
        """One payload. Whether it was carried out, as far as this client was told."""
        self._proposed += 1
        ending = REJECTED_END if self._random.random() < 0.1 else b""
        payload = b"%d.%d%s" % (self.number, self._proposed, ending)
        session, self._seq = self._session, self._seq + 1
        command = Command(
            CommandKind.APPLICATION, 1, session, self._seq if session else 0, self._seq if session else 0, "", 0,
            msgspec.Raw(msgspec.msgpack.encode(payload)),
        )  # fmt: skip
        floor, heard = self._checks.acknowledged, False
        for attempt in range(ATTEMPTS_MAX if session else 1):
            try:
                result = await self._ask(command)
            except Unanswered:
                heard = True
            except Rejected:
                if not session:
                    self._checks.refused(payload)
            else:
                return self._took(payload, result, floor)
            await asyncio.sleep(RETRY_S * self._random.random() * attempt)
        if heard:
            self._session = 0  # It may still be carried out, or answered, by a member that is slow.
        return False

    def _took(self, payload: bytes, result: object, floor: int) -> bool:
        if not isinstance(result, ApplicationResult):
            self._session = 0  # Committed, and its result is not known here; or the session is over.
            return False
        if result.rejected:
            self._checks.rejected(payload, result.value)
        elif result.value:  # Else it was proposed before any machine was registered: the bare log.
            self._checks.answered(payload, result.value, floor)
        return bool(result.value)

    async def _ask(self, command: Command) -> object:
        return await self._caller.ask(self._random.choice(self._hosts()), execute(command), self.number)

    async def _open_session(self) -> None:
        try:
            created = await self._ask(command_of(CommandKind.SESSION_CREATE, SessionCreate(self._options.load.session_ttl_ms)))
        except (Rejected, Unanswered):
            return
        if isinstance(created, SessionResult):
            self._session, self._seq = created.session, 0
