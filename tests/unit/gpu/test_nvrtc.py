"""NVRTC's host side: what ptxas says is read, a cubin is kept, and where there is no compiler that is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from quorate_node.gpu import nvrtc
from quorate_node.gpu.library import NoLibrary
from quorate_node.gpu.nvrtc import Compiled, NoCompiler, Usage, usage

LOG = """
ptxas info    : 104 bytes gmem
ptxas info    : Compiling entry function 'vote_together_8' for 'sm_90'
ptxas info    : Function properties for vote_together_8
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 121 registers, used 1 barriers, 4240 bytes smem
ptxas info    : Compiling entry function 'table_entries_8' for 'sm_90'
ptxas         .     16 bytes stack frame, 20 bytes spill stores, 32 bytes spill loads
ptxas info    : Used 128 registers, used 0 barriers, 16 bytes cumulative stack size
"""


def test_what_ptxas_says_of_each_kernel() -> None:
    assert usage(LOG) == {"vote_together_8": Usage(121, 0, 0, 0, 4240), "table_entries_8": Usage(128, 16, 20, 32, 0)}
    assert usage("") == {}


def test_a_kernel_that_it_says_nothing_of_is_an_error() -> None:
    with pytest.raises(ValueError, match="vote_sum_8"):
        usage("ptxas info : Compiling entry function 'vote_sum_8' for 'sm_90'\n")


def test_a_cubin_is_compiled_once_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def compile_kernels(architecture: str) -> Compiled:
        asked.append(architecture)
        return Compiled(architecture, b"cubin of " + architecture.encode(), "")

    monkeypatch.setattr(nvrtc, "compile_kernels", compile_kernels)
    monkeypatch.setattr(nvrtc, "version", lambda: (13, 0))
    environment = {"QUORATE_CACHE": str(tmp_path)}
    paths = [nvrtc.cached(architecture, environment) for architecture in ("sm_90", "sm_90", "sm_80")]
    assert asked == ["sm_90", "sm_80"]
    assert [path.read_bytes() for path in paths] == [b"cubin of sm_90", b"cubin of sm_90", b"cubin of sm_80"]
    paths[0].chmod(0o666)
    with pytest.raises(NoLibrary, match="written by others"):
        nvrtc.cached("sm_90", environment)


def test_without_nvrtc_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvrtc, "installed_folders", list)
    monkeypatch.setattr(nvrtc, "_LIBRARY", "libnone.so.13")
    nvrtc.library.cache_clear()
    with pytest.raises(NoCompiler, match="install the extra gpu"):
        nvrtc.compile_kernels("sm_90")
    nvrtc.library.cache_clear()
