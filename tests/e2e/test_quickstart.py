"""deploy/quickstart as a new user runs it, with the programs under test."""
import os
import re
import shutil
import signal
import socket
from pathlib import Path

import media
import pytest
import web
from process import wait_until
from weir import BIN, ROOT, free_port

OPTIONS = ["--origin-rtmp", "--origin-http", "--relay", "--edge-rtmp", "--http", "--edge-relay", "--redis-port"]


@pytest.fixture
def ports():
    chosen = {option: free_port() for option in OPTIONS}
    yield chosen
    shutil.rmtree(state(chosen), ignore_errors=True)


other_ports = ports


@pytest.fixture
def quickstart(children, ports):
    def start(*more, name="quickstart", at=None):
        arguments = [part for option, port in (at or ports).items() for part in (option, port)]
        return children.start(name, [ROOT / "deploy/quickstart", "--bin", BIN, *arguments, *more])
    return start


def state(ports):
    return ROOT / "build/quickstart" / str(ports["--origin-rtmp"])


def pids(ports):
    return {path.stem: int(path.read_text()) for path in state(ports).glob("*.pid")}


def wait_started(child):
    wait_until(lambda: "Ctrl-C stops everything." in child.text() or not child.running(), 30, "quickstart has started")
    assert child.running(), child.text()


def gone(pid):
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_prints_addresses_and_stops_all_on_a_signal(quickstart, ports, number):
    child = quickstart()
    wait_started(child)
    running = pids(ports)
    assert set(running) == {"origin", "edge"}
    for option in ("--origin-http", "--http"):
        assert web.request(ports[option], "/readyz").status == 200
    text = child.text()
    assert re.search(rf"Server +rtmp://\S+:{ports['--origin-rtmp']}/live", text)
    assert re.search(r"Stream key +cam1", text)
    for address in (f"rtmp://127.0.0.1:{ports['--origin-rtmp']}/live/cam1",
                    f"rtmp://127.0.0.1:{ports['--edge-rtmp']}/live/cam1",
                    f"http://127.0.0.1:{ports['--http']}/live/cam1.flv"):
        assert address in text
    os.kill(child.pid, number)
    assert child.wait(20) == 0
    assert all(gone(pid) for pid in running.values())
    assert "killed" not in child.text(), "the nodes end by themselves"


def test_the_demo_is_a_test_card_with_sound(quickstart, ports):
    child = quickstart("--demo")
    wait_started(child)
    running = pids(ports)
    streams = media.ffprobe_json(f"http://127.0.0.1:{ports['--http']}/live/cam1.flv")["streams"]
    video = next(stream for stream in streams if stream["codec_name"] == "h264")
    assert (video["width"], video["height"], video["r_frame_rate"]) == (1280, 720, "30/1")
    assert any(stream["codec_name"] == "aac" for stream in streams)
    child.signal(signal.SIGINT)
    assert child.wait(20) == 0
    assert all(gone(pid) for pid in running.values())


@pytest.mark.parametrize("victim,other", [("edge", "origin"), ("origin", "edge")])
def test_a_node_that_crashes_is_told_and_the_rest_stopped(quickstart, ports, victim, other):
    child = quickstart()
    wait_started(child)
    running = pids(ports)
    os.kill(running[victim], signal.SIGKILL)
    assert child.wait(20) == 1
    assert f"{victim} ended by signal KILL (exit status 137)" in child.text()
    assert gone(running[other])


def test_a_taken_port_is_told_before_anything_starts(quickstart, ports):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", ports["--http"]))
        holder.listen()
        child = quickstart()
        assert child.wait(10) == 1
    assert child.text().count("\n") == 1
    assert str(ports["--http"]) in child.text() and "--http PORT" in child.text()
    assert not state(ports).exists()


def test_a_port_that_is_bound_but_does_not_listen_is_told_by_the_node(quickstart, ports):
    with socket.socket() as holder:
        holder.bind(("0.0.0.0", ports["--edge-rtmp"]))
        child = quickstart()
        assert child.wait(20) == 1
    assert "address already in use" in child.text() and str(ports["--edge-rtmp"]) in child.text()
    assert pids(ports) == {}


def test_its_end_takes_the_nodes_along_even_when_killed(quickstart, ports):
    child = quickstart()
    wait_started(child)
    running = pids(ports)
    child.kill()
    wait_until(lambda: all(gone(pid) for pid in running.values()), 10, "the nodes end too")


def test_two_run_side_by_side(quickstart, other_ports):
    first = quickstart()
    second = quickstart(name="second", at=other_ports)
    for child in (first, second):
        wait_started(child)
    for child in (first, second):
        child.signal(signal.SIGTERM)
        assert child.wait(20) == 0


def test_with_redis_any_stream_plays_from_any_edge(quickstart, ports):
    child = quickstart("--redis", "--demo")
    wait_started(child)
    assert set(pids(ports)) == {"redis", "origin", "origin-2", "edge", "edge-2", "demo"}
    for port in (ports["--http"], ports["--http"] + 10):
        assert media.codecs(f"http://127.0.0.1:{port}/live/cam1.flv") == {"h264", "aac"}
    child.signal(signal.SIGINT)
    assert child.wait(20) == 0, child.text()
    assert not pids(ports)
