"""The host library: found, or compiled once for this processor, checked, and loaded through ctypes.

In this order: the file that QUORATE_VERDICT_LIBRARY names; one that was compiled here before (its name is the hash of sources, compiler,
options and processor); a new one, where there is a C++ compiler. Where none of it works, `NoLibrary` says why, and the caller verifies with
the rule in Python: right, and slower.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from ctypes import c_char_p, c_uint32, c_uint64, c_void_p
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

ABI: Final = 1
"""`quorate_abi()` of host.cc: what this module knows how to call."""
KERNELS: Final = Path(__file__).parent / "kernels"
DEVICE_LIMBS: Final = 8
"""Of the device's field; the host's has five."""
COMPILE_TIMEOUT_S: Final = 300.0

_OPTIONS: Final = (
    "-std=c++17",
    "-O3",
    "-fno-tree-vectorize",
    "-march=native",
    "-fPIC",
    "-shared",
    "-fvisibility=hidden",
    "-fno-exceptions",
    "-fno-rtti",
)
_SIGNATURES: Final[Mapping[str, tuple[object, tuple[object, ...]]]] = {
    "quorate_abi": (c_uint32, ()),
    "quorate_field_limbs": (c_uint32, ()),
    "quorate_job_bytes": (c_uint64, ()),
    "quorate_table_bytes": (c_uint64, (c_uint32, c_uint64)),
    "quorate_make_tables": (ctypes.c_int, (c_uint32, c_uint64, c_char_p, c_uint32, c_void_p)),
    "quorate_verify_votes": (c_uint64, (c_uint32, c_void_p)),
    "quorate_verify_generic": (c_uint64, (c_void_p,)),
    "quorate_verify_full": (None, (c_void_p,)),
    "quorate_verify_together": (ctypes.c_int, (c_uint32, c_void_p)),
    "quorate_count_votes": (None, (c_void_p,)),
    "quorate_sha256": (None, (c_void_p,)),
    "quorate_field": (None, (c_uint32, c_char_p, c_char_p, c_void_p)),
    "quorate_reduce_512": (None, (c_char_p, c_void_p)),
}


class NoLibrary(Exception):
    """No host library can be had here; the message says why, and what would help."""


def load(environment: Mapping[str, str] | None = None, *, device_field: bool = False) -> ctypes.CDLL:
    """The library, checked. `device_field`: the device's own field and kernels on the host, for tests. Raises `NoLibrary`."""
    given = os.environ if environment is None else environment
    named = given.get("QUORATE_VERDICT_LIBRARY")
    if named and not device_field:
        return checked(Path(named))
    return checked(compiled(given, device_field=device_field))


def checked(path: Path) -> ctypes.CDLL:
    """The library in this file, when it is one that can be called. Raises `NoLibrary`."""
    try:
        library = ctypes.CDLL(str(path))
        found = library.quorate_abi()
    except (OSError, AttributeError) as error:
        raise NoLibrary(
            f"{path} is no host library for this machine ({error}): build it anew with python -m quorate_node.gpu.library"
        ) from error
    if found != ABI:
        raise NoLibrary(f"{path} has ABI {found}, this node needs {ABI}: build it with the node's own sources")
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    if library.quorate_field_limbs() == DEVICE_LIMBS:
        library.quorate_launch.restype, library.quorate_launch.argtypes = ctypes.c_int, (c_char_p, c_uint32, c_uint32, c_void_p)
    return library


def compiled(environment: Mapping[str, str], *, device_field: bool = False) -> Path:
    """Where the compiled library lies; it is compiled when it does not lie there (10 s, once). Raises `NoLibrary`."""
    compiler = environment.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    if not compiler:
        raise NoLibrary("no C++ compiler (g++, clang++): install one, or name a built library with QUORATE_VERDICT_LIBRARY")
    options = (*_OPTIONS, "-DQUORATE_DEVICE_FIELD") if device_field else _OPTIONS
    folder = cache_folder(environment)
    target = folder / f"verdict-{_identity(compiler, options)}.so"
    if not target.is_file():
        _compile(compiler, options, target)
    return trusted(target)


def trusted(path: Path) -> Path:
    """The file, when nobody else could have written it: it is loaded into this process. Raises `NoLibrary`."""
    owner = path.stat()
    if owner.st_uid != os.getuid() or owner.st_mode & 0o022:
        raise NoLibrary(f"{path} belongs to another user or may be written by others: remove it, or name another folder with QUORATE_CACHE")
    return path


def cache_folder(environment: Mapping[str, str]) -> Path:
    """Where what is compiled here lies. Raises `NoLibrary`."""
    base = environment.get("QUORATE_CACHE") or environment.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(base) / "quorate" / "verdict"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise NoLibrary(f"{folder} cannot be made ({error}): name a writable folder with QUORATE_CACHE") from error
    return folder


def _identity(compiler: str, options: tuple[str, ...]) -> str:
    """Everything that the library's bytes depend on, and the processor that it is good for."""
    digest = sha256(source_hash().encode())
    for part in (compiler, _version(compiler), *options, platform.machine(), _processor()):
        digest.update(b"\0" + part.encode())
    return digest.hexdigest()[:32]


@cache
def source_hash() -> str:
    """SHA-256 over all sources of `kernels/`: the build id in facts and metrics."""
    digest = sha256()
    for path in sorted(path for path in KERNELS.iterdir() if path.suffix in {".h", ".cc", ".cu"}):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@cache
def _version(compiler: str) -> str:
    try:
        return subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        raise NoLibrary(f"{compiler} does not run ({error}): name a C++ compiler with CXX") from error


@cache
def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())


def _compile(compiler: str, options: tuple[str, ...], target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as folder:
        built = Path(folder) / target.name
        command = [compiler, *options, "-o", str(built), str(KERNELS / "host.cc")]
        try:
            outcome = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False)  # noqa: S603
        except (OSError, subprocess.SubprocessError) as error:
            raise NoLibrary(f"{compiler} failed ({error})") from error
        if outcome.returncode:
            raise NoLibrary(f"{compiler} cannot compile the host library: {outcome.stderr.strip()[:500]}")
        built.chmod(0o600)
        built.replace(target)


if __name__ == "__main__":
    print(compiled(os.environ))
