"""All nodes are restarted, one after the other, behind the balancer that deploy/haproxy.cfg describes."""
import os
import re
import shutil
import subprocess
import threading

import media
import pytest
import web
from balancer import CONFIG, Balancer
from hls_watcher import HlsWatcher
from process import SLOW, wait_until
from redis import Redis
from test_drain import drain_by_signal, wait_drained
from weir import ROOT, Node

DRAIN = {"node.drain": "40s", "node.drain_notice": "1500ms", "node.drain_publisher": "1s"}
EDGE = {**DRAIN, "node.drain_viewer": "1s"}

pytestmark = pytest.mark.skipif(not shutil.which("haproxy"), reason="haproxy is not installed: deploy/packages test")


def test_the_example_is_right():
    result = subprocess.run(["haproxy", "-c", "-f", CONFIG], capture_output=True, text=True, timeout=20, check=False)
    assert result.returncode == 0 and "WARNING" not in result.stderr, result.stderr


def test_the_docs_loop_restarts_each_node_and_waits_for_it(children, nodes, tmp_path):
    """With an ssh that stays here, and a systemctl that does nothing."""
    text = (ROOT / "docs/operations.md").read_text()
    loop = re.search(r"```sh\n(for node in .*?)```", text, re.S).group(1)
    made = {"origin1": nodes("origin", name="origin1").start(), "origin2": nodes("origin", name="origin2").start()}
    for name in ("edge1", "edge2"):
        made[name] = nodes("edge", {"registry.origins": made["origin1"].relay}, name=name).start()
    for name, node in made.items():
        loop = re.sub(rf"{name}:\d+", f"{name}:{node.http_port}", loop)
    for name, script in (("ssh", 'echo "$1" >>calls; sh -c "$2"'), ("systemctl", 'echo "$*" >>calls')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(["sh", "-ec", loop], cwd=tmp_path, timeout=20, check=True,
                   env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert (tmp_path / "calls").read_text().splitlines()[::2] == list(made)


@pytest.fixture
def node_set(children):
    """Two origins and two edges, by the static registry or by Redis."""
    made = []

    def make(registry):
        if registry == "redis":
            common = {"registry.backend": "redis", "registry.redis": Redis(children).start().address}
            known = {}
        else:
            common = {}
        origins = [Node(children, "origin", {**DRAIN, **common}, name=f"origin{i}").start() for i in (1, 2)]
        if registry == "static":
            known = {"registry.origins": ",".join(one.relay for one in origins)}
        edges = [Node(children, "edge", {**EDGE, **common, **known, "http.trusted_proxies": "1"}, name=f"edge{i}").start()
                 for i in (1, 2)]
        made.extend([*origins, *edges])
        for edge in edges:
            wait_until(lambda: {one["id"] for one in edge.api("nodes")["nodes"]
                                if one["role"] == "origin" and one["state"] == "up"} >= {"origin1", "origin2"},
                       10, f"{edge.name} is linked")
        return origins, edges

    yield make
    for node in reversed(made):
        node.finish()


class Ffmpeg:
    """An encoder as people run them: ffmpeg in a loop that starts it again when it ends."""

    def __init__(self, children, clip, url):
        self.children, self.starts, self.stopping = children, 0, threading.Event()
        self.command = [*media.FFMPEG, "-v", "warning", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "flv", url]
        self.child = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.stopping.is_set():
            self.child = self.children.start("ffmpeg", self.command)
            self.starts += 1
            self.child.process.wait()
            self.stopping.wait(0.1)

    def close(self):
        self.stopping.set()
        self.child.kill()
        self.thread.join(10)


def linked(edges):
    return all(len([one for one in edge.api("nodes")["nodes"] if one["role"] == "origin" and one["state"] == "up"]) >= 2
               for edge in edges)


def test_viewers_reach_what_the_page_needs_and_nothing_else_however_it_is_written(node_set, children):
    balancer = Balancer(children, *node_set("static"))
    for path in ("/metrics", "/%6detrics", "/metric%73", "/healthz", "/h%65althz", "/readyz", "/%72eadyz?a=b", "/api/v1/nodes",
                 "/%61pi/v1/nodes", "/a%70i/v1/sessions", "/api/v1%2Fnodes", "/api/v1/drain", "/%61%70%69/v1/drain"):
        answer = web.request(balancer.http_port, path)
        assert answer.status == 404 and "not_found" not in answer.text(), f"{path}: not by the balancer"
    assert web.request(balancer.http_port, "/api/v1/live").status == 200
    assert web.request(balancer.http_port, "/api/v1/liv%65").status == 200
    for path in ("/api/v1/streams/live/cam9", "/live/cam9.m3u8", "/metrics%", "/metrics/"):
        answer = web.request(balancer.http_port, path)
        assert answer.status in (400, 404) and answer.json(), f"{path}: a node's own answer"


@pytest.mark.parametrize("registry", ["static", "redis"])
def test_a_rolling_restart_loses_no_playback_and_each_encoder_moves_once_for_its_node(
        node_set, children, encoder, clip, registry):
    origins, edges = node_set(registry)
    balancer = Balancer(children, origins, edges)
    source = encoder(balancer.ports["encoders"], retry=True)
    wait_until(lambda: source.first_frame_at, 10, "the encoder publishes")
    ffmpeg = Ffmpeg(children, clip, f"rtmp://127.0.0.1:{balancer.ports['encoders']}/live/cam2")
    # Without a map the other origin knows nothing of the run, and begins one of its own.
    watchers = [HlsWatcher(balancer, name, new_runs=registry == "static") for name in ("live/cam1", "live/cam2")]
    wait_until(lambda: all(len(one.segments) >= 2 for one in watchers), 30, "the watchers play")
    moves = {"live/cam1": 0, "live/cam2": 0}
    for node in (origins[0], edges[0], origins[1], edges[1]):
        seen = [len(one.segments) for one in watchers]
        if node.role == "origin":
            for one in node.api("streams")["streams"]:
                moves[one["name"]] += "publisher" in one
        drain_by_signal(node)
        balancer.wait_state(node.name, "DOWN")
        wait_drained(node, 35)
        node.start()
        balancer.wait_state(node.name, "UP")
        wait_until(lambda: linked(edges), 15, "all are linked again")
        wait_until(lambda: any(one.failures for one in watchers) or
                   all(len(one.segments) > before + 2 for one, before in zip(watchers, seen)), 20, "they play on")
        assert not [one.failures for one in watchers if one.failures]
    for watcher in watchers:
        watcher.close()
        print(f"longest wait for a segment: {watcher.longest_wait():.2f} s")
        assert not watcher.failures
        assert watcher.longest_wait() < 6 * SLOW
    assert sum(moves.values()) >= 2, moves
    assert source.answers == ["NetStream.Publish.Start"] * (1 + moves["live/cam1"]), "each time at once at another origin"
    assert ffmpeg.starts == 1 + moves["live/cam2"]
    ffmpeg.close()
