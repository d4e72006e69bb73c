"""`make test-kubernetes`: on the cluster that KUBECONFIG names, else on one that is made here and gone afterwards."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.kubernetes.cache import CannotPrepare, locked
from tests.kubernetes.hold import enter, held, hold, load
from tests.kubernetes.prepare import BUILD, REPOSITORY, prepare, require_built, require_machine
from tests.kubernetes.second_chance import failed_tests, to_run_again
from tests.kubernetes.shards import AGAIN, ALONE
from tests.kubernetes.side_by_side import Run, run_all

LOGS = BUILD / "logs"
CLUSTERS = 2
"""A test mostly waits for pods: two clusters take little more than half of one's time, on two cores too."""
NOTHING_TO_RUN = int(pytest.ExitCode.NO_TESTS_COLLECTED)
EXIT_CANNOT_PREPARE = 2
EXIT_LEFT_SOMETHING = 3

DESCRIPTION = "Runs the tests of tests/kubernetes on a real Kubernetes that is made here, as root, or on the one that KUBECONFIG names."
EPILOGUE = """\
Everything else is for pytest: -k, -x, files of tests. Exit status: that of the tests; 2: the cluster cannot be made
here, and one line says why; 3: the tests passed, and something was left behind, which is named.
Up to four tests that failed beside others run once more, alone on a new cluster; who passes then is named as unstable.

A cluster that stays, for developing:
  python -m tests.kubernetes --hold                        in one terminal, until Ctrl-C
  python -m tests.kubernetes --enter kubectl get nodes     in another one; any command runs inside, also pytest:
  python -m tests.kubernetes --enter python -m pytest tests/kubernetes/test_members.py
                                (tests that stop parts of the cluster itself are left out there)
  python -m tests.kubernetes --load localhost/quorate:mine  the image of this tree, on both nodes under that name;
                                then QUORATE_KUBERNETES_IMAGE=localhost/quorate:mine for the tests
"""


def names_tests(arguments: list[str]) -> bool:
    return any(Path(argument.split("::")[0]).exists() for argument in arguments)


def pytest_command(arguments: list[str]) -> list[str]:
    where = [] if names_tests(arguments) else [str(REPOSITORY / "tests" / "kubernetes")]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *where, *arguments]


def main(arguments: list[str]) -> int:
    """The tests' exit status; 2: the cluster cannot be made here, as was said; 3: the tests passed, and something was left behind."""
    parser = argparse.ArgumentParser(
        "python -m tests.kubernetes", description=DESCRIPTION, epilog=EPILOGUE, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--hold", action="store_true", help="bring a cluster up and keep it until Ctrl-C or SIGTERM; no tests")
    modes.add_argument("--enter", nargs=argparse.REMAINDER, metavar="COMMAND", help="run a command inside the cluster that is held")
    modes.add_argument("--check", action="store_true", help="only say whether a cluster can be made here: status 0, or 2 and why not")
    modes.add_argument("--check-built", action="store_true", help="the same, and whether everything that it is made of is built already")
    modes.add_argument("--load", metavar="IMAGE", help="build this tree's image by that name for the cluster that is held")
    parser.add_argument("--name", default="", help="of the held cluster, where there are several; to be given first")
    parser.add_argument(
        "--clusters",
        type=int,
        choices=range(1, 5),
        metavar="N",
        help=f"so many clusters of our own side by side, each with its share of the files (default: {CLUSTERS}; 1 where tests are named)",
    )
    parser.add_argument("--once", action="store_true", help="a test that failed is not run a second time")
    known, others = parser.parse_known_args(arguments)
    try:
        if known.hold:
            return hold(known.name)
        if known.enter:
            return enter(held(known.name), known.enter)
        if known.load:
            load(held(known.name), known.load)
            return 0
        if known.check or known.check_built:
            if not os.environ.get("KUBECONFIG"):
                require_machine()
                if known.check_built:
                    require_built()
            return 0
        return run_tests(others, known.clusters or (1 if names_tests(others) else CLUSTERS), second_chance=not known.once)
    except CannotPrepare as failure:
        print(f"test-kubernetes: {failure}", file=sys.stderr)
        return EXIT_CANNOT_PREPARE


def run_tests(arguments: list[str], clusters: int, *, second_chance: bool) -> int:
    """Raises `CannotPrepare`."""
    if os.environ.get("KUBECONFIG"):
        return subprocess.run(pytest_command(arguments)).returncode
    begun = time.monotonic()
    images = prepare()
    print(f"prepared in {time.monotonic() - begun:.0f} s; logs: {LOGS}", flush=True)
    # Ended in order, a run takes its clusters along.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    BUILD.mkdir(parents=True, exist_ok=True)
    together = [""] if clusters == 1 else [f"{number}/{clusters}" for number in range(1, clusters + 1)]
    stages = [together] if clusters == 1 else [together, [ALONE]]
    # One at a time in one working tree: their logs have one place.
    with locked(BUILD):
        shutil.rmtree(LOGS, ignore_errors=True)
        runs = []
        for stage in stages:
            now = [Run(share, pytest_command(arguments), images, LOGS / share.partition("/")[0]) for share in stage]
            run_all(now)
            runs += now
        status = judge(runs)
        again = to_run_again([0 if run.status == NOTHING_TO_RUN else run.status for run in runs], [failed_tests(run.logs) for run in runs])
        if again and second_chance and clusters > 1:
            status = run_again(again, images) or (EXIT_LEFT_SOMETHING if any(run.left for run in runs) else 0)
    return status


def judge(runs: list[Run]) -> int:
    """One exit status for all clusters, each of which gets a line."""
    for run in runs:
        what = f"cluster {run.name}: " if run.name else ""
        took = f"status {run.status}, " if run.status else ""
        print(f"test-kubernetes: {what}{took}left behind: {run.left}", file=sys.stderr if run.left else sys.stdout, flush=True)
    # A share may have nothing of what was asked for; all of them may not.
    statuses = [run.status for run in runs if run.status != NOTHING_TO_RUN] or [NOTHING_TO_RUN]
    return max(statuses) or (EXIT_LEFT_SOMETHING if any(run.left for run in runs) else 0)


def run_again(tests: list[str], images: list[Path]) -> int:
    """`tests` alone on a new cluster; its exit status."""
    print(f"test-kubernetes: failed beside others, run once more alone: {', '.join(tests)}", file=sys.stderr, flush=True)
    run = Run(AGAIN, pytest_command(tests), images, LOGS / AGAIN)
    run_all([run])
    status = judge([run])
    if status == 0:
        print(f"test-kubernetes: UNSTABLE: passed only alone (the first failure is above): {', '.join(tests)}", file=sys.stderr, flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
