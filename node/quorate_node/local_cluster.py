"""`make run`: three members on this machine, each a process with a data directory of its own, until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

MEMBERS = 3
PORT = 7301
PEER_PORT_OFFSET = 10
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
RESTART_AFTER_S = 5.0
POLL_S = 0.1
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
EXIT_INTERRUPTED = 130
HOST = "127.0.0.1"


class CannotRun(Exception):
    """The cluster cannot run here; the message says why and what to do."""


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def ends_with_parent(parent_pid: int) -> Callable[[], None]:
    """What a child calls before its exec, so that it gets SIGTERM when its parent dies, however that dies: kill -9 included.

    A parent that was gone before the kernel knew of the wish gives no signal: then the child ends at once. Linux only, as the node is
    (its clock is CLOCK_BOOTTIME). Raises OSError, in the child, where the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)  # Loaded here: between fork and exec a child should load nothing.

    def wish() -> None:
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused: members could outlive this program")
        if os.getppid() != parent_pid:
            os._exit(EXIT_INTERRUPTED)

    return wish


class LocalMember:
    """One `quorate-node`: its data in `directory`/data, its log in `directory`/node.log, its process id in `directory`/pid."""

    def __init__(self, number: int, directory: Path, port: int, peers: Sequence[str]) -> None:
        self.name = f"m{number}"
        self.url = f"http://{HOST}:{port + number - 1}"
        self.port = port + number - 1
        self.peer_port = self.port + PEER_PORT_OFFSET
        self.directory = directory
        self.is_new = not (directory / "data").exists()
        self.process: subprocess.Popen[bytes] | None = None
        self.ended_s: float | None = None
        self._peers = peers

    def start(self, token: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        program = Path(sys.executable).parent / "quorate-node"
        arguments = [
            str(program), "--name", self.name, "--data-dir", str(self.directory / "data"), "--host", HOST, "--port", str(self.port),
            "--set", f"listen.peer_port={self.peer_port}", "--peers", ",".join(self._peers),
        ]  # fmt: skip
        environment = {**os.environ, "QUORATE_BOOTSTRAP__TOKEN": token} if token else dict(os.environ)
        with (self.directory / "node.log").open("ab") as log:
            # A session of its own: Ctrl-C in the terminal reaches this program alone, which then stops the members in order.
            self.process = subprocess.Popen(  # noqa: S603 - our own program
                arguments,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
                preexec_fn=ends_with_parent(os.getpid()),  # noqa: PLW1509 - this program has one thread
            )
        self.ended_s = None
        (self.directory / "pid").write_text(f"{self.process.pid}\n", encoding="utf-8")

    @property
    def pid(self) -> int:
        assert self.process is not None, f"{self.name} was never started"
        return self.process.pid

    def log_tail(self) -> str:
        lines = (self.directory / "node.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_TAIL_LINES:])

    def ask(self, path: str) -> dict[str, Any] | None:
        """The member's answer to GET path; None when it gives none, or an error."""
        try:
            with urllib.request.urlopen(self.url + path, timeout=1.0) as answer:  # noqa: S310 - our own http URL
                return dict(json.load(answer))
        except (OSError, urllib.error.URLError, ValueError):
            return None


class LocalCluster:
    def __init__(self, directory: Path, port: int) -> None:
        peers = [f"http://{HOST}:{port + number + PEER_PORT_OFFSET}" for number in range(MEMBERS)]
        self.members = [LocalMember(number + 1, directory / f"m{number + 1}", port, peers) for number in range(MEMBERS)]
        self.endpoints = ",".join(member.url for member in self.members)

    def check_ports(self) -> None:
        taken = []
        for port in (port for member in self.members for port in (member.port, member.peer_port)):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((HOST, port))
                except OSError:
                    taken.append(port)
        if taken:
            raise CannotRun(
                f"port {', '.join(map(str, taken))} is taken: stop what listens there (another `make run`?), "
                'or choose others: make run ARGS="--port 8301"'
            )

    def start(self) -> float:
        """Start all; returns the seconds until all three vote. Raises CannotRun with the log of the member that did not come up."""
        begun_s = time.monotonic()
        is_new = all(member.is_new for member in self.members)
        for member in self.members:
            member.start(secrets.token_hex(8) if is_new and member is self.members[0] else "")
        while not self._complete():
            for member in self.members:
                assert member.process is not None
                if member.process.poll() is not None:
                    status = member.process.returncode
                    raise CannotRun(f"{member.name} ended with status {status}. The end of its log:\n{member.log_tail()}")
            if time.monotonic() - begun_s > READY_TIMEOUT_S:
                tails = "\n".join(f"{member.name}:\n{member.log_tail()}" for member in self.members)
                raise CannotRun(f"the cluster was not ready after {READY_TIMEOUT_S:.0f} s. The ends of the logs:\n{tails}")
            time.sleep(POLL_S)
        return time.monotonic() - begun_s

    def _complete(self) -> bool:
        if any(member.ask("/health/ready") is None for member in self.members):
            return False
        listed = self.members[0].ask("/v1/members")
        return listed is not None and sum(member["role"] == "voter" for member in listed["members"]) == MEMBERS

    def leader(self) -> LocalMember | None:
        for member in self.members:
            status = member.ask("/v1/status")
            if status is not None and status["role"] == "leader":
                return member
        return None

    def watch_over(self) -> None:
        """One look at the processes: say which ended, and start it again a little later, as a supervisor does."""
        for member in self.members:
            assert member.process is not None
            status = member.process.poll()
            if status is None:
                continue
            if member.ended_s is None:
                member.ended_s = time.monotonic()
                how = f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
                say(f"{member.name} ended {how}; the others go on. It is started again in {RESTART_AFTER_S:.0f} s")
            elif time.monotonic() - member.ended_s > RESTART_AFTER_S:
                member.start("")
                say(f"{member.name} is started again, pid {member.pid}")

    def kill(self) -> None:
        """At once. What was acknowledged is on the disks."""
        for member in self.members:
            if member.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(member.pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM to all at once, and the end of whoever outstays the deadline."""
        running = [member for member in self.members if member.process is not None and member.process.poll() is None]
        for member in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(member.pid, signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for member in running:
            assert member.process is not None
            try:
                member.process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                say(f"{member.name} did not stop within {STOP_TIMEOUT_S:.0f} s: it is killed")
                member.process.kill()
                member.process.wait()


def quorate(cluster: LocalCluster, *arguments: str) -> str:
    """Run the client's command, as a user would; returns what it printed. Raises CannotRun when it failed."""
    program = Path(sys.executable).parent / "quorate"
    environment = {**os.environ, "QUORATE_ENDPOINTS": cluster.endpoints}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(program), *arguments], env=environment, capture_output=True, text=True, timeout=30.0, check=False
    )
    if done.returncode != 0:
        raise CannotRun(f"`quorate {' '.join(arguments)}` ended with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def prove(cluster: LocalCluster) -> None:
    """Write and read once, before anything is promised. Raises CannotRun."""
    written = f"from {time.strftime('%H:%M:%S')}"
    quorate(cluster, "put", "hello", written)
    read = quorate(cluster, "get", "hello", "-o", "json")
    if written not in read:
        raise CannotRun(f"`quorate get hello` answered {read!r}, and {written!r} was written")


def welcome(cluster: LocalCluster, directory: Path, port: int) -> None:
    leader = cluster.leader()
    say("")
    for member in cluster.members:
        say(f"  {member.name}  {member.url}  pid {member.pid}{'  leader' if member is leader else ''}")
    say(f"\nData and logs: {directory}\nIn another terminal:\n")
    prefix = f"{_shown(Path(sys.executable).parent)}/quorate"
    if port != PORT:
        say(f"  export QUORATE_ENDPOINTS={cluster.endpoints}")
    say(f"  {prefix} put greeting 'hello, world'")
    say(f"  {prefix} get greeting")
    say(f"  {prefix} watch greeting")
    say(f"  {prefix} status")
    say(f"  curl -s {cluster.members[0].url}/v1/keys/greeting?encoding=text")
    say(f"  kill -9 {(leader or cluster.members[0]).pid}      # the leader: nothing is lost, the others go on")
    say("\nCtrl-C stops all members.")


def _shown(path: Path) -> str:
    """The path as one would type it here."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)


def arguments() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="make run", description=__doc__)
    made.add_argument("--data", type=Path, default=Path("data/local"), help="directory of the members' data; kept [data/local]")
    made.add_argument("--temporary", action="store_true", help="a new directory, removed at the end")
    made.add_argument("--port", type=int, default=PORT, help=f"first of three client ports; members use those {PEER_PORT_OFFSET} above")
    made.add_argument("--once", action="store_true", help="start, write, read, stop: a check of this machine")
    return made


class Interrupts:
    """The first SIGINT, SIGTERM or SIGHUP stops in order, by KeyboardInterrupt; one more while that is under way ends all at once."""

    def __init__(self, cluster: LocalCluster) -> None:
        self._cluster = cluster
        self.stopping = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if not self.stopping:
            self.stopping = True
            raise KeyboardInterrupt
        self._cluster.kill()
        os.write(sys.stdout.fileno(), b"interrupted again: the members are killed, what they acknowledged is kept\n")
        os._exit(EXIT_INTERRUPTED)


def main() -> int:
    given = arguments().parse_args()
    if not 1 <= given.port <= 65_535 - PEER_PORT_OFFSET - MEMBERS:
        say(f"--port is {given.port}; it must be 1 to {65_535 - PEER_PORT_OFFSET - MEMBERS}")
        return 2
    directory = Path(tempfile.mkdtemp(prefix="quorate-")) if given.temporary else given.data.resolve()
    cluster = LocalCluster(directory, given.port)
    interrupts = Interrupts(cluster)
    if "MAKELEVEL" in os.environ:
        ends_with_parent(os.getppid())()
    try:
        cluster.check_ports()
        say(f"starting {MEMBERS} members ...")
        say(f"ready after {cluster.start():.1f} s; writing and reading through them ...")
        prove(cluster)
        welcome(cluster, directory, given.port)
        while not given.once:
            cluster.watch_over()
            time.sleep(POLL_S)
    except CannotRun as error:
        say(f"make run: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nstopping ...")
    finally:
        interrupts.stopping = True
        cluster.stop()
        if given.temporary:
            shutil.rmtree(directory, ignore_errors=True)
    say("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
