"""Command line, configuration files and environment of both programs."""
import subprocess

import pytest
from weir import ROOT, node_environment, program, run_program

ROLES = ["origin", "edge"]


@pytest.fixture(params=ROLES)
def role(request):
    return request.param


def write(tmp_path, text):
    path = tmp_path / "weir.yaml"
    path.write_text(text)
    return path


def test_version_is_one_line(role):
    result = run_program(role, "--version")
    assert result.returncode == 0
    assert result.stdout.startswith(f"weir-{role} ") and result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_help_tells_options_and_every_key_of_the_role(role):
    text = run_program(role, "--help").stdout
    for word in ("--config", "--check", "--set", "--version", "rtmp.listen", "relay.listen", "stream.grace"):
        assert word in text
    assert ("\n  player.dir " in text) == (role == "edge")


def test_the_documentation_is_what_the_program_prints():
    printed = run_program("origin", "--print-config-docs").stdout
    assert printed == run_program("edge", "--print-config-docs").stdout
    assert printed == (ROOT / "docs/configuration.md").read_text()


def test_check_accepts_a_right_file(role, tmp_path):
    path = write(tmp_path, "rtmp:\n  listen: 0.0.0.0:2935\nstream:\n  grace: 20s\napps:\n  event:\n    stream:\n      grace: 2m\n      log_duration: 3m\n")
    result = run_program(role, "--config", path, "--check")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("text,told", [
    ("rtmp:\n  listn: 0.0.0.0:1935\n", [":2:", "rtmp.listn", 'did you mean "rtmp.listen"']),
    ("stream:\n  grace: 12x\n", [":2:", "stream.grace", '"12x"', "expected"]),
    ("stream:\n  grace: 12\n", [":2:", "stream.grace", "unit"]),
    ("node:\n  workers: many\n", [":2:", "node.workers", "whole number"]),
    ("node:\n  workers: 1000\n", [":2:", "node.workers", "128"]),
    ("rtmp: [\n", [":2:"]),
    ("rtmp:\n  listen: 1935\n", [":2:", "rtmp.listen", "HOST:PORT"]),
])
def test_a_wrong_file_is_refused_with_its_line_and_what_was_expected(role, tmp_path, text, told):
    path = write(tmp_path, text)
    for arguments in (["--check"], []):
        result = run_program(role, "--config", path, *arguments)
        assert result.returncode not in (0, None)
        assert result.returncode > 0, "no crash"
        assert str(path) in result.stderr
        for word in told:
            assert word in result.stderr


def test_every_mistake_of_a_file_is_told(role, tmp_path):
    path = write(tmp_path, "rtmp:\n  listn: a\nhttp:\n  listn: b\nstream:\n  grace: c\n")
    lines = run_program(role, "--config", path, "--check").stderr.strip().splitlines()
    assert len(lines) == 3


def test_a_key_of_the_other_role_is_refused_by_name(tmp_path):
    result = run_program("origin", "--set", "player.dir=/tmp", "--check")
    assert result.returncode > 0
    assert "player.dir" in result.stderr and "edge" in result.stderr


def test_a_file_that_is_not_there_is_told(role, tmp_path):
    result = run_program(role, "--config", tmp_path / "missing.yaml", "--check")
    assert result.returncode > 0
    assert "missing.yaml" in result.stderr and "no such file" in result.stderr


def test_an_unknown_option_is_refused(role):
    result = run_program(role, "--colour")
    assert result.returncode > 0
    assert "--colour" in result.stderr and result.stderr.count("\n") == 1


def test_a_wrong_variable_is_refused_by_name(role):
    result = run_program(role, "--check", env=node_environment({"WEIR_RTMP__LISTN": "x:1"}))
    assert result.returncode > 0
    assert "WEIR_RTMP__LISTEN" in result.stderr


def test_the_command_line_wins_over_environment_and_file(nodes, tmp_path):
    path = write(tmp_path, "node:\n  id: from-file\n  region: from-file\n  zone: from-file\n")
    node = nodes("origin", {"node.id": "from-option"}, env={"WEIR_NODE__ID": "from-environment"})
    node.command_options = ["--config", path]
    node.start()
    assert [one["id"] for one in node.api("nodes")["nodes"]] == ["from-option"]


def test_a_secret_is_never_repeated(role, tmp_path):
    path = write(tmp_path, "relay:\n  secret: [hush-hush]\n")
    result = run_program(role, "--config", path, "--check")
    assert "hush-hush" not in result.stdout + result.stderr


def test_a_public_relay_needs_a_secret(role):
    result = run_program(role, "--set", "relay.listen=0.0.0.0:0", "--check")
    assert result.returncode > 0
    result = run_program(role, "--set", "relay.listen=0.0.0.0:1950", "--check")
    assert result.returncode > 0 and "relay.secret" in result.stderr
    result = run_program(role, "--set", "relay.listen=0.0.0.0:1950", "--set", "relay.secret=abc", "--check")
    assert result.returncode == 0, result.stderr


def test_help_goes_to_a_closed_pipe_without_a_crash(role):
    process = subprocess.Popen([program(role), "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.wait(10) >= -13  # at worst SIGPIPE, as for any program
    process.stderr.close()
