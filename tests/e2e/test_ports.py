"""A port that another program has is told in one clear line, and nothing is left running."""
import socket

import pytest
from weir import free_port, run_program

KEYS = ["rtmp.listen", "http.listen", "relay.listen"]


@pytest.fixture
def taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def settings(**given):
    values = {key: f"127.0.0.1:{free_port()}" for key in KEYS}
    values.update({key.replace("_", ".", 1): value for key, value in given.items()})
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


@pytest.mark.parametrize("role", ["origin", "edge"])
@pytest.mark.parametrize("key", KEYS)
def test_a_taken_port_is_told_in_one_line(role, key, taken):
    result = run_program(role, *settings(**{key.replace(".", "_"): f"127.0.0.1:{taken}"}))
    assert result.returncode > 0
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    for word in (key, f"127.0.0.1:{taken}", "address already in use"):
        assert word in result.stderr


def test_a_second_node_on_the_same_ports_is_refused(nodes):
    """SO_REUSEPORT, which the workers' listeners share, must not let another process in."""
    node = nodes("origin", {"node.workers": 2}).start()
    result = run_program("origin", *node.command()[1:])
    assert result.returncode > 0
    assert "rtmp.listen" in result.stderr and "address already in use" in result.stderr
    assert node.is_ready()


def test_an_address_of_no_interface_is_told():
    result = run_program("origin", *settings(rtmp_listen="192.0.2.77:1935"))
    assert result.returncode > 0
    assert "rtmp.listen" in result.stderr and "192.0.2.77:1935" in result.stderr


def test_ports_are_free_again_at_once_after_the_end(nodes):
    node = nodes("origin").start()
    node.terminate()
    node.start()
    node.kill()
    node.start()
