"""Where values come from, which one wins, and what a fault is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.config import ConfigurationError, load
from quorate_node.config.command_line import Action
from quorate_node.config.render import render


def problems(arguments: list[str], environment: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as raised:
        load(arguments, environment or {})
    return list(raised.value.problems)


def written(directory: Path, text: str) -> str:
    path = directory / "node.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


class TestWhichOneWins:
    def test_nothing_given_is_a_sound_configuration(self) -> None:
        loaded = load([], {})
        assert loaded.action is Action.RUN
        assert loaded.config.listen.port == 7301
        assert (loaded.config.client_url, loaded.config.peer_url) == ("http://127.0.0.1:7301", "http://127.0.0.1:7302")
        assert loaded.origins == {}

    def test_flags_over_environment_over_file_over_defaults(self, tmp_path: Path) -> None:
        file = written(tmp_path, "[replica]\ntick_ms = 5\nheartbeat_ms = 55\nelection_timeout_ms = 550\n")
        environment = {"QUORATE_REPLICA__HEARTBEAT_MS": "60", "QUORATE_REPLICA__ELECTION_TIMEOUT_MS": "600"}
        loaded = load(["--config", file, "--set", "replica.election_timeout_ms=650"], environment)
        timing = loaded.config.replica
        assert (timing.tick_ms, timing.heartbeat_ms, timing.election_timeout_ms, timing.read_lease_ms) == (5, 60, 650, 100)
        assert loaded.origins["replica.tick_ms"] == f"file {file}"
        assert loaded.origins["replica.heartbeat_ms"] == "environment QUORATE_REPLICA__HEARTBEAT_MS"
        assert loaded.origins["replica.election_timeout_ms"] == "--set replica.election_timeout_ms"

    def test_a_named_flag_wins_over_set(self) -> None:
        assert load(["--set", "listen.port=1111", "--port", "2222"], {}).config.listen.port == 2222

    def test_the_file_may_be_named_by_the_environment(self, tmp_path: Path) -> None:
        assert load([], {"QUORATE_CONFIG": written(tmp_path, "[listen]\nport = 9\n")}).config.listen.port == 9

    def test_lists_have_commas_outside_the_file(self) -> None:
        expected = ("http://a:1", "http://b:2")
        assert load(["--peers", "http://a:1, http://b:2,"], {}).config.discovery.peers == expected
        assert load([], {"QUORATE_DISCOVERY__PEERS": "http://a:1,http://b:2"}).config.discovery.peers == expected

    def test_variables_of_other_programs_are_left_alone(self) -> None:
        load([], {"QUORATE_ENDPOINTS": "http://a:1", "QUORATE_VECTORS": "vectors", "PATH": "__"})


class TestWhatFollows:
    def test_rooms_are_given_what_other_sections_say(self) -> None:
        addresses = ["--client-url", "http://m1.example:80", "--peer-url", "http://m1.internal:80"]
        config = load(["--name", "m1", *addresses, "--set", "member.priority=3", "--set", "member.witness=true"], {}).config
        replica = config.replica
        assert (replica.name, replica.client_url, replica.peer_url) == ("m1", "http://m1.example:80", "http://m1.internal:80")
        assert (replica.priority, replica.witness) == (3, True)
        assert config.transport.advertised_url == "http://m1.internal:80"

    def test_a_member_that_never_votes_is_neither_witness_nor_founder(self) -> None:
        assert load(["--set", "member.non_voting=true"], {}).config.replica.non_voting
        for other, said in (("member.witness=true", "does nothing but vote"), ("bootstrap.token=t", "leave the token out")):
            with pytest.raises(ConfigurationError, match=said):
                load(["--set", "member.non_voting=true", "--set", other], {})

    def test_urls_are_made_from_the_advertised_host(self) -> None:
        config = load(["--set", "listen.host=::", "--set", "listen.advertise_host=fd00::7"], {}).config
        assert (config.client_url, config.peer_url) == ("http://[fd00::7]:7301", "http://[fd00::7]:7302")

    def test_the_protocol_counts_in_ticks(self) -> None:
        raft = load(["--set", "member.priority=2"], {}).config.raft_config(77)
        assert (raft.member_id, raft.heartbeat_ticks, raft.election_ticks) == (77, 5, 50)
        assert (raft.priority, raft.read_lease_ms, raft.lease_drift_ms) == (2, 100, 20)

    def test_ipv6_has_brackets_in_its_url(self) -> None:
        assert load(["--host", "::1"], {}).config.peer_url == "http://[::1]:7302"


class TestFaults:
    def test_all_are_told_at_once_each_with_place_value_origin_and_default(self) -> None:
        found = problems(["--name", "a b"], {"QUORATE_LISTEN__PORT": "70000"})
        assert len(found) == 2
        assert found[0].startswith("member.name = 'a b' (--name): ")
        assert found[1] == (
            "listen.port = '70000' (environment QUORATE_LISTEN__PORT): input should be less than or equal to 65535; the default is 7301"
        )

    @pytest.mark.parametrize(
        ("path", "hint"),
        [
            ("replica.hartbeat_ms", "did you mean 'heartbeat_ms'?"),
            ("replcia.heartbeat_ms", "did you mean 'replica'?"),
            ("raft.heartbeat_ms", "did you mean 'replica.heartbeat_ms'?"),
            ("raft.member_id", "there is no setting raft.member_id"),
            ("replica.peer_url", "did you mean 'listen.peer_url'?"),
            ("zzz.q", "there are: api, "),
        ],
    )
    def test_an_unknown_name_is_told_the_nearest(self, path: str, hint: str, tmp_path: Path) -> None:
        section, key = path.split(".")
        for found in (
            problems(["--set", f"{path}=1"]),
            problems([], {f"QUORATE_{section}__{key}".upper(): "1"}),
            problems(["--config", written(tmp_path, f"[{section}]\n{key} = 1\n")]),
        ):
            assert len(found) == 1
            assert hint in found[0]

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (["--set", "replica.heartbeat_ms=500"], "heartbeat_ms is 500; it must be at least tick_ms (10) and below election_timeout_ms"),
            (["--set", "replica.read_lease_ms=501"], "at most election_timeout_ms (500)"),
            (["--set", "replica.read_lease_drift_ms=100"], "above read_lease_drift_ms (100)"),
            (["--set", "replica.heartbeat_ms=55"], "replica.heartbeat_ms is 55; it must be a multiple of replica.tick_ms (10)"),
            (["--set", "shutdown.deadline_ms=1000"], "replica.shutdown_drain_ms is 5000, above shutdown.deadline_ms (1000)"),
            (["--host", "0.0.0.0"], "set listen.client_url"),
            (["--port", "65535"], "listen.peer_port is 0, which means the port after listen.port (65535)"),
            (["--port", "7000", "--set", "listen.peer_port=7000"], "listen.peer_port is 7000, as is listen.port"),
            (["--client-url", "https://a:1"], "TLS is off: it must begin with http://"),
            (["--client-url", "http://a"], "it must be http://host:port"),
            (["--peers", "a:1"], "it must be http://host:port"),
            (["--set", "discovery.kind=dns"], "dns_name is empty"),
            (["--set", "discovery.dns_name=a"], "set kind to 'dns'"),
            (["--set", "discovery.kind=kubernetes", "--set", "discovery.dns_name=a"], "kubernetes_service is empty: name the"),
            (["--set", "discovery.kind=kubernetes", "--set", "discovery.kubernetes_service=a"], "dns_name is empty"),
            (["--set", "discovery.kubernetes_service=a"], "set kind to 'kubernetes', or leave it out"),
            (["--set", "kubernetes.leader_slice=a"], "give QUORATE_KUBERNETES__POD_ADDRESS from status.podIP"),
            (["--set", "kubernetes.pod_address=here"], "it must be an IP address, the pod's own"),
            (["--set", "tls.key_file=k"], "certificate_file is missing"),
            (["--set", "tls.peer_ca_file=k"], "without TLS nobody can be asked for a certificate"),
            (["--set", "tls.key_file=k", "--set", "tls.certificate_file=c"], "peer_ca_file is missing"),
            (["--set", "api.body_bytes_max=1000"], "the largest key and value need"),
            (["--set", "transport.frame_bytes_max=5000000", "--set", "raft.append_bytes_max=4000000"], "frame_bytes_max is 5000000"),
            (["--set", "machine.value_bytes_max=-1"], "must not be negative"),
            (["--application", "no class"], "application.machine"),
            (["--set", "replica.heartbeat_ms=soon"], "replica.heartbeat_ms = 'soon'"),
            (["--set", "heartbeat=1"], "is not of the form section.key=value"),
            (["--set", "transport.member_binding_required=true"], "transport.member_binding_required is true and TLS is off"),
        ],
    )
    def test_values_that_cannot_go_together_are_refused_with_the_remedy(self, arguments: list[str], text: str) -> None:
        assert any(text in problem for problem in problems(arguments)), problems(arguments)

    def test_a_number_below_zero_is_complained_of_once(self) -> None:
        (found,) = problems(["--set", "listen.port=-1"])
        assert found == "listen.port = '-1' (--set listen.port): must not be negative; the default is 7301"

    def test_true_is_not_a_number(self, tmp_path: Path) -> None:
        found = problems(["--config", written(tmp_path, "[listen]\nport = true\n[replica]\ntick_ms = true\n")])
        assert any("listen.port" in problem for problem in found)
        assert any("replica.tick_ms = True" in problem and "not true or false" in problem for problem in found)

    @pytest.mark.parametrize(("text", "fault"), [("a = 1", "stands outside a section"), ("[a", "is not TOML"), ("\xff", "is not TOML")])
    def test_a_file_that_is_no_configuration(self, text: str, fault: str, tmp_path: Path) -> None:
        path = tmp_path / "node.toml"
        path.write_text(text, encoding="latin-1")
        assert fault in problems(["--config", str(path)])[0]

    def test_a_file_that_is_not_there_or_too_large(self, tmp_path: Path) -> None:
        assert "cannot be read" in problems(["--config", str(tmp_path / "none")])[0]
        large = tmp_path / "large.toml"
        large.write_bytes(b"#" * (1024 * 1024 + 1))
        assert "larger than 1048576 bytes" in problems(["--config", str(large)])[0]

    def test_a_flag_that_does_not_exist_ends_with_2(self) -> None:
        for arguments in (["--prot", "1"], ["--set", "listen.port"]):
            with pytest.raises(SystemExit) as raised:
                load(arguments, {})
            assert raised.value.code == 2

    @given(st.text(max_size=40), st.text(max_size=40))
    def test_no_value_gives_anything_but_a_configuration_or_its_error(self, name: str, port: str) -> None:
        environment = {"QUORATE_MEMBER__NAME": name, "QUORATE_LISTEN__PORT": port}
        try:
            config = load([], environment).config
        except ConfigurationError:
            assert all(problem.startswith(("member.name", "listen.port")) for problem in problems([], environment))
        else:
            assert config.member.name == name
            assert config.listen.port == int(port)


class TestPrinting:
    def test_what_is_printed_can_be_read_again(self, tmp_path: Path) -> None:
        first = load(["--name", "m1", "--peers", "http://a:1,http://b:2", "--set", "api.hosts_allowed=x,y", "--print-config"], {})
        assert first.action is Action.PRINT
        again = load(["--config", written(tmp_path, render(first.config, first.origins))], {})
        assert again.config == first.config

    def test_secrets_are_left_out(self) -> None:
        loaded = load(["--bootstrap-token", "hunter2", "--check"], {})
        assert loaded.action is Action.CHECK
        assert loaded.config.bootstrap.token.get_secret_value() == "hunter2"
        printed = render(loaded.config, loaded.origins)
        assert "hunter2" not in printed + repr(loaded.config) + str(loaded.origins)
        assert 'token = "[redacted]"  # --bootstrap-token' in printed

    def test_a_secret_is_not_in_its_error(self) -> None:
        found = problems(["--bootstrap-token", "hunter2" * 100])
        assert "hunter2" not in "".join(found)
        assert "bootstrap.token = [redacted]" in found[0]
