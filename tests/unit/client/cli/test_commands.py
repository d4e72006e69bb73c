"""The command line as people and scripts use it: output, exit codes, errors in one line."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from quorate.cli.main import VERBS, cli
from quorate.snapshot_file import MAGIC
from quorate.wire.results import KeyValue
from tests.unit.client.fake_member import FakeMember, problem_body
from tests.unit.client.fake_state import FakeState

Run = Callable[..., Result]
PROGRAM = [sys.executable, "-m", "quorate.cli"]


def start(served: FakeMember, *arguments: str) -> subprocess.Popen[str]:
    environment = os.environ | {"QUORATE_ENDPOINTS": served.url, "QUORATE_TIMEOUT": "2s", "PYTHONUNBUFFERED": "1"}
    # Interruptible as at a terminal, also where the tests themselves run in the background of a shell, which ignores interrupts there.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        return subprocess.Popen([*PROGRAM, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    finally:
        signal.signal(signal.SIGINT, before)


def until(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline_s, "it did not happen within 10 s"
        time.sleep(0.01)


class TestKeys:
    def test_put_and_get(self, run: Run) -> None:
        assert (run("put", "a", "hello").stdout, run("get", "a").stdout) == ("2\n", "hello\n")
        document = json.loads(run("get", "a", "-o", "json").stdout)
        assert document["kvs"] == [
            {
                "key": "a",
                "key_base64": "YQ==",
                "value": "hello",
                "value_base64": base64.b64encode(b"hello").decode(),
                "create_revision": "2",
                "mod_revision": "2",
                "version": "1",
                "lease": "0",
            }
        ]
        assert (document["revision"], document["count"], document["more"]) == ("2", "1", False)
        table = run("-o", "table", "get", "a").stdout
        assert "hello" in table and "1 of 1 keys at revision 2" in table

    def test_values_from_stdin_and_files_come_back_byte_for_byte(self, run: Run, tmp_path: Path, state: FakeState) -> None:
        content = bytes(range(256))
        (tmp_path / "f").write_bytes(content)
        assert run("put", "a", f"@{tmp_path / 'f'}").exit_code == 0
        assert run("get", "a").stdout_bytes == content + b"\n"
        run("put", "b", "-", stdin=content)
        run("put", "c", "-", "--literal")
        run("put", "--base64", base64.b64encode(b"\xff").decode(), base64.b64encode(b"\x00").decode())
        assert {key: kv.value for key, kv in state.keys.items()} == {b"a": content, b"b": content, b"c": b"-", b"\xff": b"\x00"}
        document = json.loads(run("get", "-o", "json", "--base64", "/w==").stdout)
        assert (document["kvs"][0]["key"], document["kvs"][0]["key_base64"]) == (None, "/w==")

    def test_previous_and_lease(self, run: Run, state: FakeState) -> None:
        state.leases[7] = 1000
        run("put", "a", "1")
        document = json.loads(run("put", "a", "2", "--lease", "7", "--previous", "-o", "json").stdout)
        assert document["previous"]["value"] == "1"
        assert state.keys[b"a"].lease == 7

    def test_a_key_that_is_not_there(self, run: Run) -> None:
        result = run("get", "nope")
        assert (result.exit_code, result.stdout) == (4, "")
        assert "KeyNotFound" in result.stderr

    def test_prefixes_are_escaped_lines(self, run: Run) -> None:
        run("put", "k/1", "a\tb\nc\\")
        run("put", "k/2", "x")
        assert run("get", "--prefix", "k/").stdout == "k/1\ta\\tb\\nc\\\\\nk/2\tx\n"
        assert run("get", "--prefix", "k/", "--keys-only", "--limit", "1").stdout == "k/1\n"
        assert run("get", "--prefix", "--count-only").stdout == "2\n"
        assert run("get", "--from-key", "k/2", "--keys-only").stdout == "k/2\n"
        assert run("get", "k/1", "k/2", "--keys-only").stdout == "k/1\n"
        assert run("get", "--prefix", "none/").exit_code == 0

    def test_delete(self, run: Run) -> None:
        run("put", "k/1", "v")
        assert json.loads(run("delete", "--prefix", "k/", "--previous", "-o", "json").stdout)["previous"][0]["value"] == "v"
        assert run("delete", "k/1").stdout == "0\n"

    def test_compact(self, run: Run, state: FakeState) -> None:
        run("put", "a", "1")
        assert run("compact", "--now").stdout == "compacted\t2\n"
        assert state.compacted == 2
        result = run("compact", "2")
        assert result.exit_code == 1
        assert "Compacted" in result.stderr


class TestTransactions:
    TEXT = "if\n create a = 0\nthen\n put a 1\nelse\n get a\n"

    def test_the_branch_is_the_exit_code(self, run: Run) -> None:
        assert run("txn", stdin=self.TEXT).exit_code == 0
        result = run("txn", "-o", "json", stdin=self.TEXT)
        assert result.exit_code == 5
        document = json.loads(result.stdout)
        assert document["succeeded"] is False
        assert document["results"][0]["range"]["kvs"][0]["value"] == "1"

    def test_from_a_file_and_as_json(self, run: Run, tmp_path: Path, state: FakeState) -> None:
        (tmp_path / "t").write_text('{"encoding": "text", "success": [{"put": {"key": "a", "value": "j"}}]}')
        assert run("txn", str(tmp_path / "t")).stdout == "1\tput\t2\n"
        assert state.keys[b"a"].value == b"j"

    def test_check_sends_nothing(self, run: Run, served: FakeMember) -> None:
        assert run("txn", "--check", stdin=self.TEXT).stdout == 'if\n  create "a" = 0\nthen\n  put "a" "1"\nelse\n  get "a"\n'
        assert served.requests == []

    def test_a_mistake_is_a_usage_error_with_its_place(self, run: Run) -> None:
        result = run("txn", stdin="then\n  fly a")
        assert result.exit_code == 2
        assert "line 2, column 3" in result.stderr


class TestOperators:
    def test_members(self, run: Run, served: FakeMember) -> None:
        member = {"member_id": "9007199254740993", "name": "a", "role": "voter", "peer_url": "p", "client_url": "c", "priority": 0}
        listed: tuple[int, dict[str, object]] = (200, {"cluster_id": "1", "configuration_index": "4", "members": [member]})
        served.http_answers = [listed, listed, listed, (200, {}), (200, {"member_id": "8"})]
        assert json.loads(run("members", "list", "-o", "json").stdout)["members"][0]["member_id"] == "9007199254740993"
        assert "9007199254740993" in run("members", "list").stdout
        assert run("members", "remove", "a", "--expect-configuration", "4").exit_code == 0
        assert served.calls[-1][1] == "/v1/members/9007199254740993?expected_configuration_index=4"
        assert run("members", "add", "http://p:1", "--name", "n").stdout == "member_id\t8\n"

    def test_a_member_that_is_not_there(self, run: Run, served: FakeMember) -> None:
        served.http_answers = [(200, {"cluster_id": "1", "configuration_index": "4", "members": []}), problem_body("MemberNotFound")]
        assert run("members", "promote", "nobody").exit_code == 4
        assert run("members", "promote", "77").exit_code == 4
        served.http_answers = [(200, {"cluster_id": "1", "configuration_index": "4", "members": []})]
        assert run("transfer", "nobody").stderr.startswith("quorate: MemberNotFound: no member is called 'nobody'; ")

    def test_leader_transfer_status(self, run: Run, served: FakeMember) -> None:
        assert run("leader").stdout.startswith("member_id\t1\n")
        served.http_answers = [(200, {"member_id": "2", "client_url": "u"}), (200, {"member_id": "1", "role": "leader"})]
        assert run("transfer", "2").stdout == "member_id\t2\nclient_url\tu\n"
        served.http_answers.append((200, {"cluster_id": "1", "configuration_index": "4", "members": []}))
        result = run("status", "-o", "json")
        assert result.exit_code == 0
        assert json.loads(result.stdout)[0]["role"] == "leader"
        assert run("status", "--endpoints", "127.0.0.1:9", "--timeout", "200ms").exit_code == 3

    def test_transfer_from_a_member_leaves_another_leader_alone(self, run: Run, served: FakeMember) -> None:
        assert run("transfer", "--from", "2").stdout.startswith("member_id\t1\n")
        assert served.calls == [], "nothing is asked of a cluster that another member leads"
        served.http_answers = [(200, {"member_id": "3", "client_url": "v"})]
        assert run("transfer", "--from", "1").stdout == "member_id\t3\nclient_url\tv\n"
        assert [call[:2] for call in served.calls] == [("POST", "/v1/leader/transfer")]

    def test_leases(self, run: Run, served: FakeMember, state: FakeState) -> None:
        granted = json.loads(run("lease", "grant", "10s", "-o", "json").stdout)
        assert granted["ttl_ms"] == "10000"
        assert run("lease", "keep-alive", granted["lease"], "--once").exit_code == 0
        assert run("lease", "revoke", granted["lease"]).exit_code == 0
        assert state.leases == {}
        assert run("lease", "keep-alive", granted["lease"]).exit_code == 4
        served.http_answers = [(200, {"leases": [{"lease": "7", "ttl_ms": "5"}]}), problem_body("LeaseNotFound")]
        assert run("lease", "list").stdout == "7\t5\n"
        assert run("lease", "show", "7", "--keys").exit_code == 4

    def test_snapshots(self, run: Run, served: FakeMember, tmp_path: Path) -> None:
        body = MAGIC + bytes(6) + b"content"
        served.snapshot = body + hashlib.sha256(body).digest()
        file = tmp_path / "s"
        assert f"sha256\t{served.snapshot[-32:].hex()}" in run("snapshot", "save", str(file)).stdout
        assert run("snapshot", "save", str(file)).exit_code == 2
        assert run("snapshot", "verify", str(file)).exit_code == 0
        assert run("restore", str(file), "--token", "t").stdout == "cluster_id\t77\nmember_id\t5\n"
        assert served.restored == served.snapshot
        file.write_bytes(served.snapshot[:-1])
        result = run("snapshot", "verify", str(file))
        assert result.exit_code == 1
        assert "SnapshotDamaged" in result.stderr
        assert result.stderr.count("take the snapshot again") == 1

    def test_the_ordered_log(self, run: Run, served: FakeMember, state: FakeState) -> None:
        state.applied += [(3, 0, 0, 0, b"a"), (4, 0, 0, 0, b"b\n")]
        assert run("apply", "follow", "--count", "2").stdout == "3\t0\ta\n4\t0\tb\\n\n"
        served.http_answers = [(200, {"index": "9", "value": "bm8=", "rejected": True})]
        assert "rejected\ttrue\n" in run("apply", "propose", "x").stdout
        served.http_answers = [(200, {"index": "9", "value": "bm8=", "rejected": True})]
        result = run("apply", "propose", "x", "-o", "json")
        assert result.exit_code == 1
        assert json.loads(result.stdout) == {"index": "9", "value": "no", "value_base64": "bm8=", "rejected": True}


class TestWatch:
    def test_changes_are_printed_and_counted(self, run: Run) -> None:
        run("put", "a", "1")
        run("delete", "a")
        assert run("watch", "a", "--revision", "2", "--count", "2").stdout == "put\t2\ta\t1\ndelete\t3\ta\t\n"
        document = json.loads(run("watch", "a", "--revision", "3", "--count", "1", "--previous", "-o", "json").stdout)
        assert (document["type"], document["previous"]["value"]) == ("delete", "1")

    def test_a_program_runs_at_each_change(self, run: Run, tmp_path: Path) -> None:
        run("put", "a", "value")
        script = f'echo "$QUORATE_EVENT $QUORATE_KEY $QUORATE_REVISION $(cat)" > {tmp_path}/seen'
        assert run("watch", "a", "--revision", "2", "--count", "1", "--exec", script).exit_code == 0
        assert (tmp_path / "seen").read_text() == "put a 2 value\n"
        result = run("watch", "a", "--revision", "2", "--exec", "exit 9")
        assert result.exit_code == 9
        assert run("watch", "a", "--revision", "2", "--count", "1", "--exec", "exit 9", "--keep-going").exit_code == 0

    def test_a_compacted_start(self, run: Run, state: FakeState) -> None:
        state.compacted = 5
        result = run("watch", "a", "--revision", "2")
        assert result.exit_code == 1
        assert "compacted" in result.stderr


class TestHolding:
    def test_the_program_runs_with_the_token_and_its_code_is_ours(self, run: Run, state: FakeState) -> None:
        script = "import os, sys; print(os.environ['QUORATE_FENCING_TOKEN'], os.environ['QUORATE_LOCK_NAME']); sys.exit(17)"
        process = subprocess.run(
            [*PROGRAM, "lock", "jobs", "--", sys.executable, "-c", script],
            env=os.environ | {"QUORATE_ENDPOINTS": self._url(run)},
            capture_output=True,
            text=True,
        )
        assert (process.returncode, process.stdout) == (17, "2 jobs\n"), process.stderr
        assert state.keys == {} and state.leases == {}

    def _url(self, run: Run) -> str:
        assert run.__closure__ is not None  # type: ignore[attr-defined]
        member: FakeMember = run.__closure__[0].cell_contents  # type: ignore[attr-defined]
        return member.url

    def test_a_program_that_cannot_be_started(self, run: Run) -> None:
        assert run("lock", "jobs", "--", "/none/such").exit_code == 127
        assert run("lock", "jobs", "--", "/").exit_code == 126

    def test_waiting_ends(self, run: Run, state: FakeState) -> None:
        state.revision = 5
        state.keys[b"jobs/x"] = KeyValue(b"jobs/x", b"", 3, 3, 1)
        waited = run("lock", "jobs", "--wait", "200ms", "--", "true")
        assert (waited.exit_code, waited.stderr) == (8, "quorate: TimeoutError: waited 0.2 s for jobs to be free\n")

    def test_a_lost_lock_stops_the_program_and_is_code_6(self, served: FakeMember, state: FakeState) -> None:
        process = start(served, "lock", "jobs", "--ttl", "300ms", "--", "sleep", "60")
        until(lambda: state.keys)
        state.expire(next(iter(state.leases)))
        _, told = process.communicate(timeout=10)
        assert process.returncode == 6
        assert "LockLost" in told and told.count("\n") == 1

    def test_an_interrupt_releases_and_is_code_130(self, served: FakeMember, state: FakeState) -> None:
        process = start(served, "lock", "jobs")
        assert process.stdout is not None
        assert process.stdout.readline() == "name\tjobs\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=10)
        assert (process.returncode, told) == (130, "quorate: interrupted\n")
        assert state.keys == {} and state.leases == {}

    def test_sigterm_stops_the_program_and_releases(self, served: FakeMember, state: FakeState, tmp_path: Path) -> None:
        process = start(served, "lock", "jobs", "--", "sh", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 60")
        until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        process.terminate()
        _, told = process.communicate(timeout=10)
        assert (process.returncode, told) == (143, "quorate: terminated\n")
        assert state.keys == {} and state.leases == {}
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / "pid").read_text()), 0)

    def test_elections(self, run: Run, served: FakeMember, state: FakeState) -> None:
        assert run("elect", "e", "--observe", "--once").exit_code == 4
        process = start(served, "elect", "e", "me")
        until(lambda: state.keys)
        assert run("elect", "e", "--observe", "--once").stdout == "me\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
        assert process.returncode == 130
        until(lambda: not state.keys)


class TestTheProgram:
    @pytest.mark.parametrize("verb", sorted(VERBS))
    def test_every_verb_teaches(self, verb: str) -> None:
        result = CliRunner().invoke(cli, [verb, "--help"])
        assert result.exit_code == 0
        assert "quorate " in result.stdout
        assert "Example" in result.stdout or verb == "completion"

    def test_summaries_are_listed(self) -> None:
        result = CliRunner().invoke(cli, ["--help"])
        assert all(f"  {name} " in result.stdout for name in VERBS)
        assert CliRunner().invoke(cli, ["--version"]).stdout.startswith("quorate ")

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion_scripts(self, shell: str) -> None:
        result = CliRunner().invoke(cli, ["completion", shell])
        assert result.exit_code == 0
        assert "_QUORATE_COMPLETE" in result.stdout

    def test_completion_completes(self) -> None:
        environment = os.environ | {"_QUORATE_COMPLETE": "bash_complete", "COMP_WORDS": "quorate sn", "COMP_CWORD": "1"}
        done = subprocess.run([*PROGRAM], env=environment, capture_output=True, text=True)
        assert "snapshot" in done.stdout

    def test_it_starts_without_the_heavy_imports(self) -> None:
        heavy = ("aiohttp", "asyncio", "rich", "msgspec")
        script = f"import sys; import quorate.cli.main; print([name for name in {heavy} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert done.stdout == "[]\n", done.stderr

    def test_a_reader_that_leaves_is_no_traceback(self, served: FakeMember, state: FakeState) -> None:
        for number in range(3000):
            key = f"k{number:05}".encode()
            state.keys[key] = KeyValue(key, b"x" * 100, 1, 1, 1)
        process = start(served, "get", "--prefix")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(10) == 141
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stderr.close()
