"""A test cluster that stays up: for developing against it, from as many terminals as there are."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.kubernetes.bed.place import a_place
from tests.kubernetes.bed.wrapper import wrapped
from tests.kubernetes.cache import CannotPrepare, cache_directory
from tests.kubernetes.image.build import quorate_archive
from tests.kubernetes.prepare import BUILD, REPOSITORY, environment, prepare, require_root
from tests.kubernetes.settings import AUDIT_VARIABLE, IMAGE, INSIDE_VARIABLE, READY_FILE

INSIDE = "tests.kubernetes.bed.held"
UP_TIMEOUT_S = 300.0
DOWN_TIMEOUT_S = 60.0
POLL_S = 0.1


@dataclass(frozen=True)
class Held:
    """What `hold.json` in the cache says while a cluster is held: enough to use it from another process."""

    pid: int
    """The first process inside: its namespaces are the cluster's."""
    kubeconfig: str
    image: str
    programs: str
    """Folder with kubectl, helm, etcdctl and all others."""
    sockets: list[str]
    """Of each node's containerd, as seen inside."""
    audit_log: str
    logs: str
    enter: str
    """Command line that another command is appended to, which then runs inside; its folder and its environment are the caller's."""


def hold_file(name: str) -> Path:
    return cache_directory() / (f"hold-{name}.json" if name else "hold.json")


def held(name: str = "") -> Held:
    """The cluster that is held under `name`. Raises `CannotPrepare` where there is none."""
    path = hold_file(name)
    try:
        found = Held(**json.loads(path.read_text()))
        os.kill(found.pid, 0)
    except (OSError, ValueError, TypeError):
        raise CannotPrepare(f"no cluster is held ({path} names none that runs): `python -m tests.kubernetes --hold` starts one") from None
    return found


def hold(name: str) -> int:
    """Brings a cluster up and keeps it until Ctrl-C or SIGTERM. Returns the exit status. Raises `CannotPrepare`."""
    with suppress(CannotPrepare):
        other = held(name)
        raise SystemExit(f"test-kubernetes: a cluster is held already, by process {other.pid}; for another one beside it: --name NAME")
    begun = time.monotonic()
    images = prepare()
    logs = BUILD / ("held" + (f"-{name}" if name else ""))
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir(parents=True)
    with a_place() as place:
        command = [sys.executable, "-m", INSIDE]
        # A session of its own: Ctrl-C is for us, and we pass on what it means.
        wrapper = subprocess.Popen(wrapped(command), env=environment(images, place.state, logs), cwd=REPOSITORY, start_new_session=True)
        with _passed_on(wrapper):
            found = _when_up(wrapper, place.state / READY_FILE)
            if found is None:
                print(f"test-kubernetes: the cluster did not come up; logs: {logs}", file=sys.stderr)
                return 1
            path = hold_file(name)
            path.write_text(json.dumps(asdict(found), indent=2) + "\n")
            _announce(found, path, time.monotonic() - begun)
            try:
                status = wrapper.wait()
            finally:
                path.unlink(missing_ok=True)
    print(f"test-kubernetes: left behind: {place.left}", file=sys.stderr if place.left else sys.stdout, flush=True)
    return status


@contextmanager
def _passed_on(wrapper: subprocess.Popen[bytes]) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the cluster in order; what does not end within a minute is killed, and all that is inside with it."""

    def end(_number: int, _frame: object) -> None:
        inner = _first_inside(wrapper.pid)
        if inner is not None:
            os.kill(inner, signal.SIGTERM)

    previous = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        end(0, None)
        try:
            wrapper.wait(DOWN_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            wrapper.kill()
            wrapper.wait()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _first_inside(unshare: int) -> int | None:
    """`unshare` forks once; its child is the first process in the new namespaces, as we see it."""
    with suppress(OSError):
        children = Path(f"/proc/{unshare}/task/{unshare}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def _when_up(wrapper: subprocess.Popen[bytes], ready: Path) -> Held | None:
    deadline = time.monotonic() + UP_TIMEOUT_S
    while wrapper.poll() is None and time.monotonic() < deadline:
        pid = _first_inside(wrapper.pid)
        if pid is not None and ready.exists():
            said = json.loads(ready.read_text())
            enter = f'nsenter -t {pid} -n -m -p -- sh -c \'cd "$0" && exec "$@"\' "$PWD"'
            return Held(pid=pid, image=IMAGE, enter=enter, **said)
        time.sleep(POLL_S)
    return None


def _announce(found: Held, path: Path, took_s: float) -> None:
    print(
        f"the cluster is up, {took_s:.0f} s after the start; Ctrl-C ends it. All of this is in {path}:\n"
        f"  process inside   {found.pid}\n"
        f"  kubeconfig       {found.kubeconfig}\n"
        f"  programs         {found.programs} (kubectl, helm, etcdctl ...)\n"
        f"  image            {found.image}\n"
        f"  logs             {found.logs}\n"
        f"  enter            {found.enter} COMMAND ...\n"
        "Shorter, and with KUBECONFIG and the programs on the PATH:\n"
        "  python -m tests.kubernetes --enter kubectl get pods -A\n"
        "  python -m tests.kubernetes --load localhost/quorate:mine    (this tree's image, by that name, on both nodes)",
        flush=True,
    )


def enter(found: Held, command: list[str]) -> int:
    """Runs `command` inside, in this folder; returns its exit status. Raises `CannotPrepare`."""
    require_root()
    path = os.pathsep.join([found.programs, os.environ.get("PATH", "")])
    ours = {INSIDE_VARIABLE: "1", "KUBECONFIG": found.kubeconfig, AUDIT_VARIABLE: found.audit_log, "PATH": path}
    inside = {**os.environ, **ours}
    return subprocess.run([*shlex.split(found.enter.removesuffix(' "$PWD"')), str(Path.cwd()), *command], env=inside).returncode


def load(found: Held, image: str) -> None:
    """Builds this tree's image under the name `image` and gives it to both nodes. Raises `CannotPrepare`."""
    require_root()
    archive = quorate_archive(REPOSITORY, image)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda socket: _import(found.pid, socket, archive), found.sockets))
    print(f"{image}: on both nodes", flush=True)


def _import(pid: int, socket: str, archive: Path) -> None:
    # From outside the socket is reached through the process' own view of the file system.
    command = ["ctr", "-a", f"/proc/{pid}/root{socket}", "-n", "k8s.io", "images", "import", str(archive)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise CannotPrepare(f"{socket} does not take {archive}: {done.stderr.strip()[-1_000:]}")
