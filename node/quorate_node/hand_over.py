"""`python3 -I -m quorate_node.hand_over SOCKET`: move the leadership away from the member beside this process, before it is stopped.

For a preStop hook: nothing but the standard library's sockets is imported, so that it costs some milliseconds and no memory. It never takes
longer than its patience, and a member that leads nothing is left as it is.
"""

from __future__ import annotations

import socket
import sys

PATIENCE_S = 8.0
WORD = b"hand over\n"
ANSWER_BYTES_MAX = 1_000


def ask(path: str) -> str:
    """The member's answer. Raises `OSError`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE_S)
        connection.connect(path)
        connection.sendall(WORD)
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < ANSWER_BYTES_MAX and (piece := connection.recv(ANSWER_BYTES_MAX)):
            answer += piece
    return answer.decode("utf-8", "replace").strip()


def main(arguments: list[str]) -> int:
    """0: handed over, or nothing to hand over. 1: it was not; the reason is written. 2: wrong use."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 -I -m quorate_node.hand_over SOCKET\n")
        return 2
    try:
        answer = ask(arguments[0])
    except OSError as error:
        sys.stderr.write(f"{arguments[0]}: {error}; is the member running, with listen.hand_over_socket set to this path?\n")
        return 1
    sys.stdout.write(f"{answer}\n")
    return 1 if not answer or answer.startswith("error") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
