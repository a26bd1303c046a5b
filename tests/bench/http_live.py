"""Live HLS: how soon those who wait for a part are answered, and what packaging costs."""
import http.client
import json
import re
import subprocess
import threading
import time

import load
import servers
from bench import processes, say
from process import wait_until

INSTANT = {"live": "0ms"}


# --- players that wait for the next part ---

def reload(bench, clip, connections=1000, batches=8, rounds=5):
    """A thousand at once, then one alone: what is the waking and what the crowd."""
    with processes() as children:
        origin = servers.start_origin(children)
        edge = servers.start_edge(children, origin, INSTANT)
        servers.publish(children, origin.rtmp_port, "live/cam", clip)
        wait_playlist(edge, "live/cam")
        with bench.quiet():
            for number in range(rounds):
                for count in (connections, 1):
                    reload_run(bench, edge, count, batches // 2 if bench.quick else batches, number)


def reload_run(bench, edge, connections, batches, number):
    command = [servers.program("reload"), "--http", edge.address_of("flv"), "--playlist", "/live/cam/v/index.m3u8", "--flv",
               "/live/cam.flv", "--connections", str(connections), "--batches", str(batches)]
    began, cpu = time.monotonic(), servers.cpu_seconds(edge.pid)
    ended = subprocess.run(servers.on_core(servers.LOAD_CORE, [str(part) for part in command]), capture_output=True, text=True,
                           timeout=60, stdin=subprocess.DEVNULL, check=False)
    assert ended.returncode == 0, ended.stderr
    row = json.loads(ended.stdout)
    row["edge_share"] = (servers.cpu_seconds(edge.pid) - cpu) / (time.monotonic() - began)
    bench.keep("http-reload", contestant="weir", connections=connections, round=number, **row)
    say(f"  {connections} wait: the first answer {row['first_ms']:.2f} ms, median {row['p50_ms']:.2f}, p99 {row['p99_ms']:.2f}; "
        f"a frame to FLV {row['flv_ms']:.2f}")


def wait_playlist(edge, stream):
    def there():
        try:
            return "#EXTINF" in get_text(edge.http_port, f"/{stream}/v/index.m3u8")
        except OSError:
            return False
    wait_until(there, 30, f"{stream} has a playlist")


def get_text(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


# --- what packaging costs ---

class Poller:
    """One player of each stream that asks for playlists alone, each when its next part is there."""

    def __init__(self, port, streams):
        self.port, self.ended, self.answers, self.errors = port, threading.Event(), 0, 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.follow, args=(f"/{stream}/v/index.m3u8",), daemon=True) for stream in streams]
        for thread in self.threads:
            thread.start()

    def follow(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        query = ""
        while not self.ended.is_set():
            connection.request("GET", path + query)
            answer = connection.getresponse()
            text = answer.read().decode()
            with self.lock:
                self.answers += 1
                self.errors += answer.status != 200
            query = next_part(text) if answer.status == 200 else ""
        connection.close()

    def stop(self):
        self.ended.set()
        for thread in self.threads:
            thread.join(10)


def next_part(playlist):
    """The directives that wait for what a playlist lacks first."""
    first = re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", playlist)
    segments = playlist.split("#EXTINF:")
    return f"?_HLS_msn={int(first[1]) + len(segments) - 1}&_HLS_part={segments[-1].count('#EXT-X-PART:')}"


def packaging(bench, clip, streams=20, rounds=5, seconds=4):
    """Two edges with one viewer by HTTP-FLV of each stream; one edge packages them all besides, for a player that polls."""
    with processes() as children:
        origin = servers.start_origin(children)
        edges = {name: servers.start_edge(children, origin, INSTANT) for name in ("plain", "packaging")}
        servers.publish(children, origin.rtmp_port, "live/many", clip, count=streams)
        viewers = {name: watch(children, edge, streams, seconds * (rounds + 1) + 20) for name, edge in edges.items()}
        poller = Poller(edges["packaging"].http_port, [f"live/many{number}" for number in range(streams)])
        time.sleep(10)  # as long as it takes until each edge has all it needs
        with bench.quiet():
            for number in range(rounds):
                packaging_round(bench, edges, poller, streams, number, seconds)
        poller.stop()
        for child in viewers.values():
            child.kill()


def watch(children, edge, streams, seconds):
    return children.start(f"viewers-{edge.name}", servers.on_core(servers.LOAD_CORE, [
        servers.program("load"), "--stream", "live/many", "--flv", edge.address_of("flv"), "--flv-viewers", streams, "--each",
        "--rtmp-viewers", 0, "--seconds", seconds, "--settle", 1000, "--ramp", load.RAMP]))


def packaging_round(bench, edges, poller, streams, number, seconds):
    """Both at the same time, so that both have the same frames and the same neighbours."""
    before, answers, began = {name: servers.cpu_seconds(edge.pid) for name, edge in edges.items()}, poller.answers, time.monotonic()
    time.sleep(seconds)
    window = time.monotonic() - began
    spent = {name: (servers.cpu_seconds(edge.pid) - before[name]) / window / streams for name, edge in edges.items()}
    row = bench.keep("http-packaging", contestant="weir", round=number, streams=streams, window_s=window, errors=poller.errors,
                     answers_per_s_stream=(poller.answers - answers) / window / streams, plain=spent["plain"],
                     packaging=spent["packaging"])
    say(f"  a stream of 5 Mbit/s: {row['plain']:.2%} of a core plain, {row['packaging']:.2%} packaged for "
        f"{row['answers_per_s_stream']:.1f} playlists a second, {row['errors']} errors")
