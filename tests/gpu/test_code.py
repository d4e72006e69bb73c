"""The device's code, compiled without a driver: no spills, within the budgets of registers and of instructions (`make test-gpu-code`)."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from quorate_node.gpu import nvrtc
from tests.gpu.budgets import BUDGETS

pytestmark = pytest.mark.timeout(1800)  # Compiling takes a minute of a core for each architecture.


@pytest.fixture(scope="module", params=nvrtc.ARCHITECTURES)
def compiled(request: pytest.FixtureRequest) -> nvrtc.Compiled:
    try:
        return nvrtc.compile_kernels(request.param)
    except nvrtc.NoCompiler as error:
        pytest.skip(f"the device's code is not checked here: {error}")


def test_no_kernel_spills_or_takes_more_registers_than_it_may(compiled: nvrtc.Compiled) -> None:
    found = nvrtc.usage(compiled.log)
    assert set(found) == set(BUDGETS), "a kernel without a budget, or a budget without a kernel"
    over = {
        name: used
        for name, used in found.items()
        if used.spill_stores or used.spill_loads or used.stack or used.registers > BUDGETS[name].registers
    }
    assert over == {}, compiled.architecture


def opcodes(listing: str) -> dict[str, Counter[str]]:
    """Kernel -> how often each opcode stands in its code, of cuobjdump's listing."""
    found: dict[str, Counter[str]] = {}
    current: Counter[str] = Counter()
    for line in listing.splitlines():
        if match := re.search(r"Function : (\w+)", line):
            current = found.setdefault(match[1], Counter())
        elif match := re.match(r"\s+/\*[0-9a-f]{4,}\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)", line):
            current[match[1]] += 1
    return found


def test_products_are_fused_and_no_more_than_counted(compiled: nvrtc.Compiled, tmp_path: Path) -> None:
    dump = shutil.which("cuobjdump")
    if dump is None or shutil.which("nvdisasm") is None:
        pytest.skip("the device's instructions are not counted here: no cuobjdump and nvdisasm on PATH")
    cubin = tmp_path / "kernels.cubin"
    cubin.write_bytes(compiled.cubin)
    listing = subprocess.run([dump, "-sass", str(cubin)], capture_output=True, text=True, check=True).stdout
    found = opcodes(listing)
    assert set(found) == set(BUDGETS)
    for name, budget in BUDGETS.items():
        if budget.wide is None:
            continue
        wide = sum(number for opcode, number in found[name].items() if opcode.startswith("IMAD.WIDE"))
        moves = ("IMAD.WIDE", "IMAD.MOV", "IMAD.X", "IMAD.IADD", "IMAD.SHL")
        narrow = sum(number for opcode, number in found[name].items() if opcode.startswith("IMAD") and not opcode.startswith(moves))
        assert 0.9 * budget.wide <= wide <= budget.wide, f"{name} for {compiled.architecture}: {wide} IMAD.WIDE"
        assert narrow <= budget.narrow_share * wide, f"{name} for {compiled.architecture}: {narrow} IMAD beside {wide} wide ones"
