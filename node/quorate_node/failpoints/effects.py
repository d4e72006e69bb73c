"""What actions do to the world: to a real process here, to a simulated member in the simulator's own implementation."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import NoReturn, Protocol


class Panic(BaseException):
    """A member that dies in the middle of its work, where its process is not to die with it. Not an `Exception`: no handler of the
    program may take it for an error to deal with."""


class Effects(Protocol):
    def sleep(self, seconds: float) -> None:
        """On whatever thread the place is reached; on the loop's it stands for a process that is held up."""
        ...

    async def sleep_awaited(self, seconds: float) -> None: ...

    def panic(self, name: str, status: int) -> NoReturn:
        """The member is gone, with nothing flushed, closed or answered."""
        ...

    def show(self, text: str) -> None: ...


class ProcessEffects:
    """The process' own clock, and its own end."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def sleep_awaited(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def panic(self, name: str, status: int) -> NoReturn:
        self.show(f"failpoint {name}: this process ends here, with status {status}")
        os._exit(status)

    def show(self, text: str) -> None:
        """Past Python's buffers, which `_exit` would drop."""
        sys.stderr.flush()
        os.write(2, f"{text}\n".encode())
