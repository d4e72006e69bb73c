"""What goes wrong is told in one line and an exit code; a program gets it as JSON."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from tests.unit.client.fake_member import FakeMember

Run = Callable[..., Result]


class TestErrors:
    def test_unreachable(self, run: Run) -> None:
        result = run("put", "a", "1", "--endpoints", "127.0.0.1:9", "--timeout", "200ms")
        assert result.exit_code == 3
        assert result.stderr.count("\n") == 1
        assert "--endpoints" in result.stderr

    def test_no_leader(self, run: Run, served: FakeMember) -> None:
        served.refuse = ["NoLeader"] * 1000
        result = run("get", "a", "--timeout", "200ms")
        assert (result.exit_code, result.stderr.count("\n")) == (3, 1)
        assert "majority" in result.stderr

    def test_as_json(self, run: Run, served: FakeMember) -> None:
        served.refuse = ["KeyTooLarge"]
        result = run("put", "a", "1", "-o", "json")
        assert result.exit_code == 1
        told = json.loads(result.stderr)
        assert (told["error"], told["exit_code"], told["retryable"]) == ("KeyTooLarge", 1, False)

    def test_unknown_outcome(self, run: Run, served: FakeMember) -> None:
        served.silent = True
        result = run("lease", "grant", "10s", "--timeout", "200ms")
        assert result.exit_code in (3, 7, 8)

    @pytest.mark.parametrize(
        "arguments",
        [
            ["fly"],
            ["get"],
            ["get", "a", "--prefix", "--from-key"],
            ["put", "a"],
            ["put", "a", "1", "--ignore-value"],
            ["put", "a", "@/none/such"],
            ["put", "--base64", "*", "YQ=="],
            ["compact"],
            ["lease", "grant", "fast"],
            ["lease", "revoke", "x"],
            ["--timeout", "0s", "get", "a"],
            ["--endpoints", "ftp://x", "get", "a"],
            ["-o", "xml", "get", "a"],
            ["elect", "e"],
            ["elect", "e", "me", "--observe"],
            ["transfer", "a", "--step-down"],
            ["transfer", "--from", "a", "--step-down"],
            ["--tls-cert", "/none", "get", "a"],
            ["get", "a", "--revision", "9223372036854775808"],
            ["get", "a", "--limit", "-1"],
            ["watch", "a", "--revision", "99999999999999999999"],
            ["compact", "99999999999999999999"],
            ["apply", "follow", "--from", "0"],
            ["lock", ""],
            ["elect", "", "me"],
            ["put", "a", "@"],
            ["snapshot", "save", "/none/file"],
        ],
    )
    def test_usage_errors_are_code_2(self, run: Run, arguments: list[str]) -> None:
        result = run(*arguments)
        assert result.exit_code == 2, result.output
        assert result.stderr

    def test_tls_files_that_are_none_are_named(self, run: Run, tmp_path: Path) -> None:
        garbage = tmp_path / "garbage.pem"
        garbage.write_text("no certificate", encoding="utf-8")
        (tmp_path / "key.pem").write_text("no key", encoding="utf-8")
        one = run("get", "a", "--tls-cert", str(garbage))
        assert (one.exit_code, "give both, or neither" in one.stderr) == (2, True)
        for options in (["--tls-ca", str(garbage)], ["--tls-cert", str(garbage), "--tls-key", str(tmp_path / "key.pem")]):
            result = run("get", "a", *options)
            assert result.exit_code == 2
            assert "garbage.pem" in result.stderr and "in PEM" in result.stderr

    def test_a_port_that_hangs_up_makes_one_think_of_tls(self, run: Run) -> None:
        def hang_up(listening: socket.socket) -> None:
            while True:
                try:
                    listening.accept()[0].close()
                except OSError:
                    return

        with socket.create_server(("127.0.0.1", 0)) as listening:
            answering = threading.Thread(target=hang_up, args=(listening,), daemon=True)
            answering.start()
            result = run("get", "a", "--endpoints", f"http://127.0.0.1:{listening.getsockname()[1]}", "--timeout", "1s")
            listening.shutdown(socket.SHUT_RDWR)
        answering.join(5)
        assert result.exit_code == 3
        assert "wants TLS" in result.stderr

    def test_a_program_gets_usage_errors_as_json_too(self, run: Run) -> None:
        result = run("-o", "json", "get", "a", "--limit", "-1")
        assert (result.exit_code, result.stdout) == (2, "")
        assert json.loads(result.stderr) == {
            "error": "Usage",
            "message": "Invalid value for '--limit': -1 must be within 0 and 2^63-1",
            "remedy": "see `quorate get --help`",
            "exit_code": 2,
            "retryable": False,
            "outcome_unknown": False,
            "leader": None,
            "request_id": "",
        }
