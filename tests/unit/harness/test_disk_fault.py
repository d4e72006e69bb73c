"""The faulty disk's own specification, on small programs: what it touches, what it leaves alone, and what it does."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.shim.disk_fault import Count, DiskFault

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler (Debian: apt-get install gcc libc6-dev)")

PROGRAM = """
import os, sys, time
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
def attempt(what, call):
    began = time.monotonic()
    try:
        call()
        ended = "ok"
    except OSError as error:
        ended = error.errno
    print(what, ended, round((time.monotonic() - began) * 1000))
for what, call in (
    ("write", lambda: os.write(file, b"x" * 100)),
    ("pwrite", lambda: os.pwrite(file, b"y" * 100, 0)),
    ("pwritev", lambda: os.pwritev(file, [b"y" * 60, b"z" * 40], 0)),
    ("pwritev2", lambda: os.pwritev(file, [b"z" * 100], 0, os.RWF_DSYNC)),
    ("fsync", lambda: os.fsync(file)),
    ("fdatasync", lambda: os.fdatasync(file)),
    ("allocate", lambda: os.posix_fallocate(file, 0, 8192)),
):
    if what in sys.argv[2:]:
        attempt(what, call)
"""
KERNEL = """
import asyncio, os, sys, time
from quorate_node.store.kernel_sync import open_kernel_sync
async def main():
    loop = asyncio.get_running_loop()
    kernel = open_kernel_sync(loop)
    if kernel is None:
        print("none")
        return
    file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
    os.pwrite(file, b"x" * 5000, 0)
    for _ in range(2):
        over, began, turns = loop.create_future(), time.monotonic(), 0
        assert kernel.sync(file, over.set_result)
        while not over.done():
            await asyncio.sleep(0.005)
            turns += 1
        print(over.result(), round((time.monotonic() - began) * 1000), turns)
    kernel.close()
asyncio.run(main())
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[DiskFault]:
    (tmp_path / "disk").mkdir()
    with DiskFault(tmp_path / "disk") as made:
        yield made


def run(disk: DiskFault, path: Path, *calls: str, program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, str(path), *calls]
    return subprocess.run(command, env={"PATH": "/usr/bin:/bin", **disk.environment()}, capture_output=True, text=True, timeout=30)


def outcomes(ended: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, int]]:
    assert ended.returncode == 0, ended.stderr
    return {what: (outcome, int(ms)) for what, outcome, ms in (line.split() for line in ended.stdout.splitlines())}


def test_unarmed_nothing_is_touched(disk: DiskFault, tmp_path: Path) -> None:
    ended = outcomes(run(disk, tmp_path / "disk" / "file", "write", "fdatasync"))
    assert {outcome for outcome, _ in ended.values()} == {"ok"} and disk.counts()["sync"] == Count(0, 0)


def test_syncs_of_all_forms_are_delayed_and_writes_are_not(disk: DiskFault, tmp_path: Path) -> None:
    disk.delay(150)
    ended = outcomes(run(disk, tmp_path / "disk" / "file", "write", "pwrite", "pwritev2", "fsync", "fdatasync"))
    assert all(ended[call][1] >= 150 for call in ("pwritev2", "fsync", "fdatasync"))
    assert ended["write"][1] < 150 and ended["pwrite"][1] < 150
    assert disk.counts()["sync"] == Count(3, 3)


def test_files_elsewhere_are_left_alone(disk: DiskFault, tmp_path: Path) -> None:
    disk.fail(errno.EIO, ("sync", "write"))
    (tmp_path / "disk-of-another").mkdir()
    assert outcomes(run(disk, tmp_path / "disk-of-another" / "file", "write", "fsync"))["fsync"][0] == "ok"
    disk.only("/segments/")
    assert outcomes(run(disk, tmp_path / "disk" / "file", "write", "fsync"))["fsync"][0] == "ok"
    (tmp_path / "disk" / "segments").mkdir()
    assert outcomes(run(disk, tmp_path / "disk" / "segments" / "file", "fsync"))["fsync"][0] == str(errno.EIO)


@pytest.mark.parametrize(
    "call, kind",
    [
        ("write", "write"),
        ("pwrite", "write"),
        ("pwritev", "write"),
        ("pwritev2", "write"),
        ("pwritev2", "sync"),
        ("fsync", "sync"),
        ("fdatasync", "sync"),
        ("allocate", "allocate"),
    ],
)
def test_a_failing_call_fails_and_writes_nothing(call: str, kind: str, disk: DiskFault, tmp_path: Path) -> None:
    disk.fail(errno.ENOSPC, (kind,))
    path = tmp_path / "disk" / "file"
    assert outcomes(run(disk, path, call))[call][0] == str(errno.ENOSPC)
    assert path.stat().st_size == 0


def test_so_many_fail_and_no_more(disk: DiskFault, tmp_path: Path) -> None:
    disk.fail(errno.EIO, ("sync",), count=1)
    ended = outcomes(run(disk, tmp_path / "disk" / "file", "fsync", "fdatasync"))
    assert (ended["fsync"][0], ended["fdatasync"][0]) == (str(errno.EIO), "ok")


def test_a_torn_write_leaves_its_beginning_and_ends_the_process(disk: DiskFault, tmp_path: Path) -> None:
    disk.tear(70)
    path = tmp_path / "disk" / "file"
    ended = run(disk, path, "pwritev", "fsync")
    assert ended.returncode == -signal.SIGKILL and ended.stdout == ""
    assert path.read_bytes() == b"y" * 60 + b"z" * 10


@pytest.mark.parametrize("error", [0, errno.EIO])
def test_the_kernels_own_sync_is_late_or_fails_while_the_loop_goes_on(error: int, disk: DiskFault, tmp_path: Path) -> None:
    disk.delay(200)
    if error:
        disk.fail(error, ("sync",), count=1)
    ended = run(disk, tmp_path / "disk" / "file", program=KERNEL)
    assert ended.returncode == 0, ended.stderr
    if ended.stdout == "none\n":
        pytest.skip("this system, or its sandbox, has no asynchronous I/O")
    first, second = ([int(field) for field in line.split()] for line in ended.stdout.splitlines())
    assert first[0] == error and second[0] == 0
    assert min(first[1], second[1]) >= 200 and min(first[2], second[2]) >= 10, "the loop turned meanwhile"


def test_nothing_is_left_of_it(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    with DiskFault(tmp_path / "disk"):
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "disk"]


def test_the_kernels_own_sync_can_be_refused(tmp_path: Path) -> None:
    with DiskFault(tmp_path, kernel_sync=False) as disk:
        ended = run(disk, tmp_path / "file", program=KERNEL)
    assert ended.stdout == "none\n", ended.stderr


def test_a_share_of_the_calls(disk: DiskFault, tmp_path: Path) -> None:
    disk.fail(errno.EIO, ("write",), percent=30)
    program = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in range(500):
    try:
        os.pwrite(file, b"x", 0)
    except OSError:
        print("failed")
"""
    failed = run(disk, tmp_path / "disk" / "file", program=program).stdout.count("failed")
    assert 90 < failed < 210 and disk.counts()["write"] == Count(500, failed)


def test_a_fault_is_changed_while_the_process_runs(disk: DiskFault, tmp_path: Path) -> None:
    program = """
import os, sys
file = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
for _ in sys.stdin:
    try:
        os.fdatasync(file)
        print("ok", flush=True)
    except OSError as error:
        print(error.errno, flush=True)
"""
    command = [sys.executable, "-c", program, str(tmp_path / "disk" / "file")]
    environment = {"PATH": "/usr/bin:/bin", **disk.environment()}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None

        def sync() -> str:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            return process.stdout.readline().strip()

        assert sync() == "ok"
        disk.fail(errno.EIO)
        assert sync() == str(errno.EIO)
        disk.clear()
        assert sync() == "ok"
        disk.delay(100)
        began = time.monotonic()
        assert sync() == "ok" and time.monotonic() - began >= 0.1
        process.stdin.close()


def test_what_cannot_be_is_refused(disk: DiskFault) -> None:
    with pytest.raises(ValueError, match="use some of sync, write, allocate"):
        disk.delay(1, ("read",))
    with pytest.raises(ValueError, match="percent is 0"):
        disk.delay(1, percent=0)
    with pytest.raises(ValueError, match="delay_ms is -1"):
        disk.delay(-1)
    with pytest.raises(ValueError, match="count is 0"):
        disk.fail(errno.EIO, count=0)
    with pytest.raises(ValueError, match="errno is 99999"):
        disk.fail(99999)
    with pytest.raises(ValueError, match="bytes_kept is -1"):
        disk.tear(-1)
