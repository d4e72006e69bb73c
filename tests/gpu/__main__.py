"""`make test-gpu` and `make bench-gpu`: on a machine with a GPU, and a clear word on one without.

python -m tests.gpu test [pytest's arguments]
python -m tests.gpu bench [--output DIR] [--processor-only]
python -m tests.gpu code            # compiles for all architectures; no device needed
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from quorate_node.gpu.cupy_driver import CupyDriver, NoDevice
from quorate_node.gpu.nvml import NoHealth, Nvml
from tests.gpu import bench

FOLDER = Path(__file__).parent
NO_DEVICE = 3
"""Exit status where there is no device: neither passed nor failed."""


def _driver() -> CupyDriver | None:
    try:
        return CupyDriver()
    except NoDevice as error:
        print(f"no device: {error}", file=sys.stderr)
        return None


def _clock() -> Callable[[], float | None]:
    try:
        nvml = Nvml()
    except NoHealth as error:
        print(f"clocks are not logged: {error}", file=sys.stderr)
        return lambda: None

    def clock_hz() -> float | None:
        clock = nvml.health().sm_clock_mhz
        return None if clock is None else clock * 1e6

    return clock_hz


def _bench(output: Path, processor_only: bool) -> int:
    driver = None if processor_only else _driver()
    found = bench.report(driver, _clock() if driver else lambda: None, bench.Plan())
    output.mkdir(parents=True, exist_ok=True)
    (output / "bench.json").write_text(json.dumps(found, indent=2))
    print(bench.tables(found))
    print(f"written: {output / 'bench.json'}", file=sys.stderr)
    return 0 if driver or processor_only else NO_DEVICE


def main() -> int:
    parser = argparse.ArgumentParser(description="Checks and figures of a GPU")
    parser.add_argument("what", choices=("test", "bench", "code"))
    parser.add_argument("--output", type=Path, default=Path("build/gpu"))
    parser.add_argument("--processor-only", action="store_true")
    arguments, others = parser.parse_known_args()
    if arguments.what == "bench":
        return _bench(arguments.output, arguments.processor_only)
    if arguments.what == "test" and _driver() is None:
        return NO_DEVICE
    file = FOLDER / ("test_device.py" if arguments.what == "test" else "test_code.py")
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file), *others], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
