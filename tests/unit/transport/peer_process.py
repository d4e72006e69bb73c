"""A member in a process of its own, to be killed and stopped.

    python -m tests.unit.transport.peer_process MEMBER_ID PEER_ID PEER_URL [TLS_FOLDER]

Prints its URL on a line once it listens, then `connected`, and lives until its standard input ends.
With TLS_FOLDER (tls.crt, tls.key, ca.crt) it speaks TLS.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from quorate_node.transport.tls import PeerTls
from quorate_node.transport.tls_files import TlsFiles
from tests.unit.transport.loopback_members import Member


async def main(member_id: int, peer_id: int, peer_url: str, tls_folder: Path | None) -> None:
    tls = None
    if tls_folder is not None:
        tls = PeerTls(TlsFiles(tls_folder / "tls.crt", tls_folder / "tls.key", tls_folder / "ca.crt"))
    member = await Member(member_id).start(tls=tls, server_context=tls.server_context() if tls else None)
    print(member.url, flush=True)
    member.transport.set_peers({peer_id: peer_url})
    await member.recorder.until(lambda: bool(member.recorder.connected), timeout_s=20)
    print("connected", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await member.stop()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]) if len(sys.argv) > 4 else None))
