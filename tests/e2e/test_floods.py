"""Strangers in their hundreds do what they can; the viewers who are there notice nothing."""
import json
import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import rtmp
import weir
from process import SLOW, wait_until
from web import RawConnection

VIEWERS, SECONDS = 50, 12  # of each protocol
MOST_GROWTH = 96 << 20  # bytes of resident memory that all of the floods may cost
MOST_LINES = 6000


def resident(node):
    return int(Path(f"/proc/{node.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Floods:
    """Threads that trouble a node until `stop`; each attack gets (stop, node) and opens what it likes."""

    def __init__(self):
        self.stopping, self.threads = threading.Event(), []

    def add(self, attack, *arguments):
        self.threads.append(threading.Thread(target=self._run, args=(attack, *arguments), daemon=True))
        self.threads[-1].start()

    def _run(self, attack, *arguments):
        while not self.stopping.is_set():
            try:
                attack(self.stopping, *arguments)
            except (OSError, AssertionError):
                self.stopping.wait(0.01)  # refused: try again, as an attacker would

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)
            assert not thread.is_alive()


def opened(port, count):
    connections = []
    for _ in range(count):
        connections.append(socket.create_connection(("127.0.0.1", port), timeout=5))
    return connections


def closed(connections):
    for connection in connections:
        connection.close()


def half_open_handshakes(stop, port):
    connections = opened(port, 200)
    for connection in connections:
        connection.sendall(b"\x03" + bytes(700))
    stop.wait(2)
    closed(connections)


def silence(stop, port):
    connections = opened(port, 200)
    stop.wait(2)
    closed(connections)


def one_byte_a_second(stop, port, begin):
    connections = opened(port, 100)
    for byte in begin:
        for connection in connections:
            connection.sendall(bytes([byte]))
        if stop.wait(1):
            break
    closed(connections)


def names_that_do_not_exist(stop, node):
    connections = []
    for i in range(300):
        if stop.is_set():
            break
        connection = RawConnection(node.http_port)
        connection.send(f"GET /live/no{i}-{time.monotonic_ns()}.flv HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        connections.append(connection.socket)
    stop.wait(1)
    closed(connections)


def tiny_chunks(stop, port):
    """A command that is sent in chunks of one byte, and a chunk size that no one may have."""
    with rtmp.Client(port, chunk_size=1) as client:
        client.connect()
        while not stop.wait(0.05):
            client.command("unknown", None, "x" * 2000)


def claims_of_16_mb(stop, port):
    """The head of a message that says 16 MB, then a byte now and then."""
    clients = []
    for _ in range(20):
        client = rtmp.Client(port)
        client.handshake()
        client.socket.sendall(bytes([3, 0, 0, 0, 0xff, 0xff, 0xff, 9, 0, 0, 0, 0]) + bytes(128))
        clients.append(client)
    stop.wait(2)
    for client in clients:
        client.close()


def plays_without_end(stop, port):
    """Thousands of plays of names that nobody publishes, each in place of the one before."""
    with rtmp.Client(port) as client:
        client.connect()
        client.create_stream()
        many, client.send = bytearray(), lambda data: many.extend(data)
        for i in range(5000):
            client.command("play", None, f"no{i}-{time.monotonic_ns()}", stream_id=client.stream_id)
        client.socket.sendall(many)
        stop.wait(0.5)


def never_reading(stop, node):
    viewers = [rtmp.Client(node.rtmp_port, receive_buffer=4096).play("cam1") for _ in range(25)]
    stop.wait(4)
    for viewer in viewers:
        viewer.close()


def test_good_viewers_keep_their_rate_while_strangers_do_their_worst(cluster, encoder, children):
    made = cluster(workers=2, edge={"rtmp.handshake_timeout": "3s", "http.header_timeout": "3s", "edge.wait_publish": "1s"},
                   origin={"rtmp.handshake_timeout": "3s"})
    encoder(made.origin.rtmp_port)
    load = children.start("load", [weir.BIN / "bench_load", "--rtmp", f"127.0.0.1:{made.edge.rtmp_port}", "--flv",
                                   f"127.0.0.1:{made.edge.http_port}", "--stream", "live/cam1", "--rtmp-viewers", VIEWERS,
                                   "--flv-viewers", VIEWERS, "--seconds", SECONDS], stdout=subprocess.PIPE)
    wait_until(lambda: made.edge.metric('weir_viewers{protocol="rtmp"}') + made.edge.metric('weir_viewers{protocol="flv"}')
               == 2 * VIEWERS, 20, "the good viewers play")
    before = {node: resident(node) for node in made.nodes()}
    floods = Floods()
    for port in (made.edge.rtmp_port, made.origin.rtmp_port, made.edge.http_port, made.origin.relay_port):
        floods.add(silence, port)
    for port in (made.edge.rtmp_port, made.origin.rtmp_port):
        floods.add(half_open_handshakes, port)
        floods.add(one_byte_a_second, port, b"\x03" + bytes(20))
        floods.add(tiny_chunks, port)
        floods.add(claims_of_16_mb, port)
    floods.add(one_byte_a_second, made.edge.http_port, b"GET /live/cam1.flv HTTP/1.1\r\n")
    floods.add(one_byte_a_second, made.origin.relay_port, bytes([9] * 20))
    floods.add(names_that_do_not_exist, made.edge)
    floods.add(never_reading, made.edge)
    floods.add(plays_without_end, made.edge.rtmp_port)
    output, _ = load.process.communicate(timeout=SECONDS + 60)
    worst = {node: resident(node) for node in made.nodes()}
    floods.stop()
    for report in map(json.loads, output.decode().splitlines()):
        assert report["full_rate"] == VIEWERS, report
        # 30 frames of video and 47 of audio a second: what the encoder sends, not only what all viewers share.
        assert report["messages_per_s"] >= 0.95 * 75, report
        assert report["backwards"] == 0
    for node in made.nodes():
        grown = worst[node] - before[node]
        print(f"{node.name}: {grown >> 10} KiB more under the floods, {len(node.log_lines())} log lines")
        if SLOW == 1:  # a sanitizer's allocator keeps what was freed
            assert grown < MOST_GROWTH
        assert len(node.log_lines()) < MOST_LINES
    made.edge.wait_log("rtmp connection closed")  # who was sent away, and why
    # Nothing is left of them.
    for node in made.nodes():
        wait_until(lambda: node.metric('weir_connections{protocol="http"}') <= 1, 15, f"{node.name}'s http connections are gone")
    wait_until(lambda: made.origin.metric('weir_connections{protocol="rtmp"}') == 1, 15, "only the encoder is left")
    wait_until(lambda: made.edge.metric('weir_connections{protocol="rtmp"}') == 0, 15, "no viewer is left")
    made.edge.wait_metric("weir_streams", 0, timeout=30)
