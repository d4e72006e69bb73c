"""The kernels compiled for a device by NVRTC's C API, through ctypes: no driver and no device is needed for it.

The library comes with the distribution `nvidia-cuda-nvrtc` (the extra `gpu` has it); of CUDA 13.0, so that a driver of that release runs
what it makes. The log carries ptxas's account of registers and spills, which `usage` reads.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from quorate_node.gpu.library import KERNELS, cache_folder, source_hash, trusted

ARCHITECTURES: Final = ("sm_80", "sm_90", "sm_100")
"""A100; H100 and H200; B200. What CI compiles for."""
OPTIONS: Final = ("--std=c++17", "--ptxas-options=-v")
_LIBRARY: Final = "libnvrtc.so.13"
_BUILTINS: Final = "libnvrtc-builtins.so.13"


class NoCompiler(Exception):
    """NVRTC is not installed here, or is of another release."""


class KernelsRefused(Exception):
    """NVRTC does not compile the kernels; its log is the message."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A cubin for one architecture, and what the compiler said about it."""

    architecture: str
    cubin: bytes
    log: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one kernel takes of a multiprocessor: registers a thread, bytes of stack and of spills a thread, shared bytes a block."""

    registers: int
    stack: int
    spill_stores: int
    spill_loads: int
    shared: int


def installed_folders() -> list[Path]:
    """Folders of CUDA's libraries among the installed distributions of NVIDIA, newest layout first."""
    found = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    return [place / below / "lib" for place in places for below in ("cu13", "cuda_nvrtc") if (place / below / "lib").is_dir()]


@cache
def library() -> ctypes.CDLL:
    """NVRTC. Raises `NoCompiler`."""
    for folder in installed_folders():
        if (folder / _LIBRARY).is_file():
            # It opens its builtins by name alone: they must be there before.
            for builtins in sorted(folder.glob(f"{_BUILTINS}*")):
                ctypes.CDLL(str(builtins), ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(folder / _LIBRARY))
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError as error:
        raise NoCompiler(f"{_LIBRARY} is not here ({error}): install the extra gpu, or nvidia-cuda-nvrtc") from error


def version() -> tuple[int, int]:
    """Of NVRTC, which is CUDA's."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    return major.value, minor.value


def compile_kernels(architecture: str, options: Iterable[str] = OPTIONS) -> Compiled:
    """All kernels for one architecture (`sm_90`): half a minute of a core. Raises `NoCompiler`, `KernelsRefused`."""
    nvrtc, program = library(), ctypes.c_void_p()
    headers = {path.name.encode(): path.read_bytes() for path in sorted(KERNELS.glob("*.h"))}
    names = (ctypes.c_char_p * len(headers))(*headers)
    contents = (ctypes.c_char_p * len(headers))(*headers.values())
    source = (KERNELS / "kernels.cu").read_bytes()
    if nvrtc.nvrtcCreateProgram(ctypes.byref(program), source, b"kernels.cu", len(headers), contents, names):
        raise KernelsRefused("NVRTC takes no program: out of memory?")
    try:
        chosen = [f"--gpu-architecture={architecture}".encode(), *(option.encode() for option in options)]
        failed = nvrtc.nvrtcCompileProgram(program, len(chosen), (ctypes.c_char_p * len(chosen))(*chosen))
        log = _text(nvrtc, program, "ProgramLog").decode(errors="replace").rstrip("\0")
        if failed:
            raise KernelsRefused(f"{architecture}: {log[:4000]}")
        return Compiled(architecture, _text(nvrtc, program, "CUBIN"), log)
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def cached(architecture: str, environment: Mapping[str, str]) -> Path:
    """A file with the kernels' cubin: what was compiled here before from these sources by this compiler, or a new one. Raises `NoCompiler`,
    `KernelsRefused`, and `NoLibrary` where no file can be kept."""
    folder = cache_folder(environment)
    target = folder / f"kernels-{source_hash()[:32]}-{architecture}-{'.'.join(map(str, version()))}.cubin"
    if not target.is_file():
        cubin = compile_kernels(architecture).cubin
        with tempfile.TemporaryDirectory(dir=folder, prefix="building-") as building:
            built = Path(building) / target.name
            built.write_bytes(cubin)
            built.chmod(0o600)
            built.replace(target)
    return trusted(target)


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw


_ENTRY: Final = re.compile(r"Compiling entry function '(\w+)'")
_STACK: Final = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED: Final = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


def usage(log: str) -> dict[str, Usage]:
    """What ptxas says about each kernel in a log. A kernel that it says too little about raises `ValueError`."""
    found = {}
    entries = list(_ENTRY.finditer(log))
    for number, entry in enumerate(entries):
        said = log[entry.end() : entries[number + 1].start() if number + 1 < len(entries) else len(log)]
        stack, used = _STACK.search(said), _USED.search(said)
        if stack is None or used is None:
            raise ValueError(f"ptxas says nothing of the registers of {entry[1]}: {said[:200]!r}")
        found[entry[1]] = Usage(int(used[1]), int(stack[1]), int(stack[2]), int(stack[3]), int(used[2] or 0))
    return found


if __name__ == "__main__":
    # python -m quorate_node.gpu.nvrtc sm_90 kernels.cubin: what QUORATE_CUBIN names.
    Path(sys.argv[2]).write_bytes(compile_kernels(sys.argv[1]).cubin)
