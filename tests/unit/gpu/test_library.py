"""The host library: compiled once, checked before it is called, and done without where there is none."""

from __future__ import annotations

import ctypes
import hashlib
import subprocess
from pathlib import Path
from random import Random

import pytest

from quorate_node.crypto.verdict.curve import L, P
from quorate_node.gpu import library
from quorate_node.gpu.exact import ExactVerifier
from quorate_node.gpu.host import HostVerifier, host_verifier
from quorate_node.gpu.jobs import NO_PREFIX, ChunkJob, Job, entries
from quorate_node.gpu.library import NoLibrary, checked, compiled, load
from tests.conformance.ed25519 import paths

EDGES = (0, 1, 2, 18, 19, P - 1, P, P + 1, 2**255 - 1)
TOP_EDGES = (2**256 - 1, 2**256 - 19, 2**256 - 38, 2**256 - 39, 2 * P, 2 * P + 1)


@pytest.fixture(params=[False, True], ids=["5x51", "8x32"])
def built(request: pytest.FixtureRequest) -> ctypes.CDLL:
    paths.verifier(8, request.param)  # Skips where there is no compiler.
    return load(device_field=request.param)


def test_the_field_is_the_integers_modulo_the_prime(built: ctypes.CDLL) -> None:
    device = built.quorate_field_limbs() == 8
    random, bits = Random(25519), 256 if device else 255
    edges = EDGES + TOP_EDGES if device else EDGES
    out = ctypes.create_string_buffer(32)
    for number in range(1500):
        a, b = (random.choice(edges) if random.random() < 0.4 else random.getrandbits(bits) for _ in range(2))
        expected = [a + b, a - b, a * b, a * a, pow(a, -1, P) if a % P and number % 20 == 0 else None, (a + b) * (a - b)]
        for operation, value in enumerate(expected):
            if value is not None:
                built.quorate_field(operation, a.to_bytes(32, "little"), b.to_bytes(32, "little"), out)
                assert int.from_bytes(out.raw, "little") == value % P, f"operation {operation} of {a:#x} and {b:#x}"


def test_the_inverse_of_zero_is_zero(built: ctypes.CDLL) -> None:
    out = ctypes.create_string_buffer(32)
    for zero in (0, P):
        built.quorate_field(4, zero.to_bytes(32, "little"), bytes(32), out)
        assert out.raw == bytes(32)


def test_numbers_of_512_bits_are_reduced(built: ctypes.CDLL) -> None:
    random, out = Random(512), ctypes.create_string_buffer(32)
    edges = [0, 1, L - 1, L, L + 1, 2**252, 2**512 - 1, (2**512 // L) * L, (2**512 // L) * L - 1]
    for value in edges + [random.getrandbits(512) for _ in range(500)] + [random.getrandbits(259) * L - 1 for _ in range(500)]:
        built.quorate_reduce_512((value % 2**512).to_bytes(64, "little"), out)
        assert int.from_bytes(out.raw, "little") == value % 2**512 % L


@pytest.mark.parametrize("prefix", [-1, 0, 1])
def test_chunks_are_hashed_as_hashlib_does(built: ctypes.CDLL, prefix: int) -> None:
    random = Random(256)
    chunks = [random.randbytes(length) for length in (0, 1, 54, 55, 56, 57, 62, 63, 64, 65, 119, 120, 128, 1000)]
    offsets = (ctypes.c_uint64 * (len(chunks) + 1))(*(sum(map(len, chunks[:number])) for number in range(len(chunks) + 1)))
    digests = ctypes.create_string_buffer(32 * len(chunks))
    data = ctypes.create_string_buffer(b"".join(chunks))
    job = ChunkJob(len(chunks), NO_PREFIX if prefix < 0 else prefix, *map(ctypes.addressof, (offsets, data, digests)))
    built.quorate_sha256(ctypes.byref(job))
    first = b"" if prefix < 0 else bytes([prefix])
    assert digests.raw == b"".join(hashlib.sha256(first + chunk).digest() for chunk in chunks)


def test_layouts_are_those_of_the_header(built: ctypes.CDLL) -> None:
    assert built.quorate_job_bytes() == ctypes.sizeof(Job)
    each = 96 if built.quorate_field_limbs() == 8 else 128
    for bits in (8, 12, 16):
        assert built.quorate_table_bytes(bits, 3) == 3 * entries(bits) * each
    assert built.quorate_table_bytes(9, 1) == 0


def test_a_width_without_code_is_refused() -> None:
    held = paths.verifier()
    with pytest.raises(ValueError, match="bits: 10 is none of 8, 12, 16"):
        HostVerifier(held._library, 10)


def test_a_library_of_another_abi_is_not_called(tmp_path: Path) -> None:
    paths.verifier()
    other = tmp_path / "other.so"
    subprocess.run(
        ["g++", "-shared", "-fPIC", "-x", "c++", "-", "-o", str(other)],
        input=b'extern "C" unsigned quorate_abi() { return 99; }',
        check=True,
    )
    with pytest.raises(NoLibrary, match="has ABI 99, this node needs 1"):
        checked(other)
    with pytest.raises(NoLibrary, match="no host library"):
        load({"QUORATE_VERDICT_LIBRARY": str(tmp_path / "none.so")})


def test_a_library_that_others_may_write_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_compile", lambda compiler, options, target: target.write_bytes(b""))
    environment = {"QUORATE_CACHE": str(tmp_path), "CXX": "true"}
    compiled(environment).chmod(0o622)
    with pytest.raises(NoLibrary, match="written by others"):
        compiled(environment)


def test_without_a_compiler_the_rule_verifies_and_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.shutil, "which", lambda name: None)
    verifier, waived = host_verifier({"QUORATE_CACHE": str(tmp_path)})
    assert isinstance(verifier, ExactVerifier) and verifier.name == "python"
    assert "no C++ compiler" in waived


def test_a_compiler_that_fails_tells_what_it_said(tmp_path: Path) -> None:
    for compiler, complaint in (("false", "does not run"), (str(tmp_path / "none"), "does not run")):
        with pytest.raises(NoLibrary, match=complaint):
            compiled({"QUORATE_CACHE": str(tmp_path), "CXX": compiler})
    with pytest.raises(NoLibrary, match="cannot be made"):
        compiled({"QUORATE_CACHE": "/proc/none", "CXX": "true"})
