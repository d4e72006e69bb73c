"""A member in a process of its own, to be killed and stopped.

    python -m tests.unit.transport.peer_process MEMBER_ID PEER_ID PEER_URL [PORT]

Prints its URL on a line once it listens, then `connected`, and lives until its standard input ends. With PORT it listens there.
"""

from __future__ import annotations

import asyncio
import sys

from tests.unit.transport.loopback_members import Member


async def main(member_id: int, peer_id: int, peer_url: str, port: int) -> None:
    member = await Member(member_id).start(port=port)
    print(member.url, flush=True)
    member.transport.set_peers({peer_id: peer_url})
    await member.recorder.until(lambda: bool(member.recorder.connected), timeout_s=20)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await member.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 0))
