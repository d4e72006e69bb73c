"""The data directory: who may open it, whose it is, and what survives."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from quorate_node.store import DataDirectory, Identity, open_store
from quorate_node.store.durable_file import read_durable, write_durably
from quorate_node.store.errors import DirectoryDamaged, FormatTooNew, HardStateLost, IdentityMismatch, StoreLocked
from tests.unit.store.support import SETTINGS, MakeMember, Member, append, entries, read_all

ME = Identity(cluster_id=7, member_id=11, name="node-0")


class Peer(msgspec.Struct, frozen=True):
    boot_counter: int
    term: int
    last_index: int


def test_each_opening_counts_a_boot(member: Member) -> None:
    assert member.stores.directory.boot_counter == 1
    assert member.restart().directory.boot_counter == 2
    assert member.crash().directory.boot_counter == 3


def test_an_identity_stays(member: Member) -> None:
    assert member.stores.directory.identity is None
    member.stores.directory.set_identity(ME)
    assert member.crash().directory.identity == ME
    with pytest.raises(IdentityMismatch, match="belongs to member b"):
        member.stores.directory.set_identity(Identity(7, 12, "node-1"))
    with pytest.raises(IdentityMismatch, match="of cluster 7, not"):
        member.stores.directory.set_identity(Identity(8, 11, "node-0"))
    member.stores.directory.set_identity(Identity(7, 11, "renamed"))


def test_opening_as_somebody_else_is_refused(make_member: MakeMember) -> None:
    member = make_member()
    member.stores.directory.set_identity(ME)
    member.stores.close()
    other = Identity(7, 99, "node-9")
    with pytest.raises(IdentityMismatch, match="give this member its own directory"):
        member.open_again(other)
    assert member.open_again(ME).directory.identity == ME


def test_records_survive_and_are_bounded(member: Member) -> None:
    peers = {"2": Peer(3, 4, 5)}
    member.stores.directory.write_record("peers", peers)
    member.stores.directory.write_record("tokens", b"\x00\xff")
    directory = member.crash().directory
    assert directory.read_record("peers", dict[str, Peer]) == peers
    assert directory.read_record("tokens", bytes) == b"\x00\xff"
    assert directory.read_record("never", int) is None
    with pytest.raises(ValueError, match="record_bytes_max"):
        directory.write_record("peers", "x" * (SETTINGS.record_bytes_max + 1))
    for name in ("../identity", "", "Peers", "a/b", "x" * 65):
        with pytest.raises(ValueError, match="record name"):
            directory.write_record(name, 1)


def test_a_second_process_is_refused_and_told_who_holds_it(on_disk: Member) -> None:
    program = "import sys; from pathlib import Path; from quorate_node.store import open_store; open_store(Path(sys.argv[1]))"
    second = subprocess.run([sys.executable, "-c", program, str(on_disk.path / "data")], capture_output=True, text=True)
    assert second.returncode == 1
    assert f"StoreLocked: {on_disk.path / 'data'} is in use by the process with pid {os.getpid()}" in second.stderr


def test_it_is_locked_against_its_own_process_too(member: Member) -> None:
    with pytest.raises(StoreLocked):
        member.open_again()


def test_the_lock_ends_with_the_process(tmp_path: Path) -> None:
    program = (
        "import os, sys; from pathlib import Path; from quorate_node.store import open_store; "
        "open_store(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path / "data")]).returncode == -9
    open_store(tmp_path / "data", SETTINGS).close()


def test_a_newer_format_is_refused(on_disk: Member) -> None:
    on_disk.stores.close()
    write_durably(on_disk.path / "data" / "format", b'{"version": 3}')
    with pytest.raises(FormatTooNew, match="has format 3, written by a newer release; this one reads up to format 2"):
        on_disk.open()


@pytest.mark.parametrize("name", ["format", "identity", "boot"])
def test_a_damaged_file_is_refused_not_guessed(on_disk: Member, name: str) -> None:
    on_disk.stores.directory.set_identity(ME)
    on_disk.stores.close()
    path = on_disk.path / "data" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DirectoryDamaged, match=name):
        on_disk.open()


def test_a_directory_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DirectoryDamaged, match="photos"):
        DataDirectory.open(tmp_path)


@pytest.mark.parametrize("name", ["boot", "hard-state"])
def test_a_file_lost_from_a_used_directory_is_no_new_beginning(on_disk: Member, name: str) -> None:
    on_disk.stores.close()
    (on_disk.path / "data" / name).unlink()
    with pytest.raises((DirectoryDamaged, HardStateLost), match="empty data directory"):
        on_disk.open()


def test_an_interrupted_first_opening_is_begun_again(on_disk: Member) -> None:
    on_disk.stores.close()
    (on_disk.path / "data" / "format").unlink()
    for path in (on_disk.path / "data").glob("state-*"):
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    append(on_disk.open().log, 1, 3)
    assert read_all(on_disk.restart().log) == entries(1, 3)


def test_a_first_opening_that_is_interrupted_at_its_last_step_is_begun_again(on_disk: Member) -> None:
    """All is there but the file that says so: log, hard state and the first state too."""
    on_disk.stores.close()
    (on_disk.path / "data" / "format").unlink()
    append(on_disk.open().log, 1, 3)
    assert read_all(on_disk.restart().log) == entries(1, 3)


@pytest.mark.parametrize("name", ["identity", "state-pointer", "state-000002"])
def test_a_used_directory_without_its_format_file_is_refused(on_disk: Member, name: str) -> None:
    on_disk.stores.directory.set_identity(ME)
    on_disk.stores.switch_state(on_disk.stores.build_state())
    on_disk.stores.close()
    (on_disk.path / "data" / "format").unlink()
    with pytest.raises(DirectoryDamaged, match=name):
        on_disk.open()


def test_leftovers_of_a_crash_are_removed(on_disk: Member) -> None:
    on_disk.stores.close()
    data = on_disk.path / "data"
    (data / "identity.new").write_bytes(b"half")
    (data / "records" / "peers.new").write_bytes(b"half")
    (data / "state-000002").mkdir()
    on_disk.open()
    assert not {"identity.new", "state-000002"} & {path.name for path in data.iterdir()}
    assert list((data / "records").iterdir()) == []


def test_only_its_owner_may_look(on_disk: Member) -> None:
    data = on_disk.path / "data"
    on_disk.stores.directory.set_identity(ME)
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert {stat.S_IMODE((data / name).stat().st_mode) for name in ("identity", "hard-state", "boot", "format", "lock")} == {0o600}


def test_a_durable_file_is_the_old_one_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_durably(path, b"old")

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(path, b"new")
    assert read_durable(path) == b"old"


def test_the_naive_write_in_place_is_neither_old_nor_new(tmp_path: Path) -> None:
    """What a crash in the middle leaves of a file written in place; ours goes by a file aside."""
    write_durably(tmp_path / "file", b"a longer old payload")
    content = (tmp_path / "file").read_bytes()
    write_durably(tmp_path / "file", b"a brand new payload")
    new = (tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(new[:20] + content[20:])
    with pytest.raises(DirectoryDamaged):
        read_durable(tmp_path / "file")


def test_staging_is_a_place_for_files(member: Member) -> None:
    (member.stores.directory.staging() / "chunk-1").write_bytes(b"x")
    assert [path.name for path in member.stores.directory.staging().iterdir()] == ["chunk-1"]
