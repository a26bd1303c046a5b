"""Every allocation of a session fails once, in its turn: the session may end with an error, the node goes on."""
import http.client
import mmap
import ssl
import struct
import subprocess

import flv
import hls
import pytest
import relay
import tls
import rtmp
import web
import weir
from process import wait_until

LIBRARY = weir.ROOT / "build/release/tests/libfail_alloc.so"
MOST = 600  # allocations of one session that are tried

pytestmark = pytest.mark.skipif(weir.BIN != weir.ROOT / "build/bin",
                                reason="a sanitizer has an allocator of its own; the release build is swept")


class Allocations:
    """The page that fail_alloc.c looks at."""

    def __init__(self, folder):
        self.path = folder / "allocations"
        self.path.write_bytes(bytes(4096))
        with open(self.path, "r+b") as file:
            self.page = mmap.mmap(file.fileno(), 4096)

    def arm(self, number):
        struct.pack_into("QQ", self.page, 0, 0, number)

    def disarm(self):
        """How many allocations there were since `arm`."""
        count, = struct.unpack_from("Q", self.page, 0)
        struct.pack_into("QQ", self.page, 0, 0, 0)
        return count


def sweep(allocations, node, session):
    """Runs the session (it is given a time-out) with its first allocation failing, then its second, until it has had no more of them."""
    number = 0
    while number < MOST:
        number += 1
        allocations.arm(number)
        whole = False
        try:
            session(1.2)
            whole = True
        except (OSError, AssertionError, KeyError, TypeError, http.client.HTTPException):
            pass  # an error is what is wanted; a crash is not
        count = allocations.disarm()
        assert node.child.running(), f"{node.name} died of allocation {number}, status {node.child.process.poll()}:\n{node.log_text()[-2000:]}"
        if whole and count < number:
            break
    session(10)
    print(f"{node.name}: {number} allocations")
    assert number > 5


@pytest.fixture
def swept(children, tmp_path, nodes):
    """An origin and an edge, one of them with the library."""
    assert LIBRARY.exists(), "build it: cmake --build build/release --target fail_alloc"
    allocations = Allocations(tmp_path)

    def make(which, more=None, origin_more=None):
        env = {"LD_PRELOAD": str(LIBRARY), "WEIR_FAIL_ALLOC": str(allocations.path)}
        settings = {"node.workers": 1, "stream.grace": "100ms", "logging.level": "error"}
        origin = nodes("origin", {**settings, **(origin_more or {})}, env=env if which == "origin" else None).start()
        edge = nodes("edge", {**settings, "registry.origins": origin.relay, "edge.linger": "0s", "edge.wait_publish": "5s", **(more or {})},
                     env=env if which == "edge" else None).start()
        return origin, edge, allocations

    return make


def publish(port, tags, name, timeout):
    with rtmp.Client(port, timeout=timeout) as client:
        assert client.publish(name) == "NetStream.Publish.Start"
        for tag in tags:
            client.send_tag(tag)
        client.unpublish(name)


def test_a_publish_session(swept, clip_tags):
    origin, _, allocations = swept("origin")
    tags = clip_tags[:40]
    sweep(allocations, origin, lambda timeout: publish(origin.rtmp_port, tags, "cam1", timeout))
    origin.wait_metric("weir_publishers", 0)
    origin.wait_metric("weir_streams", 0)


def test_a_switch_to_a_backup(swept, clip_tags):
    """The name is had by nobody when both have left, whatever failed."""
    origin, _, allocations = swept("origin", origin_more={"ingest.second": "backup"})
    number = count = 0
    while number <= count and number < MOST:
        number += 1
        with rtmp.Client(origin.rtmp_port) as first, rtmp.Client(origin.rtmp_port) as second:
            for client in (first, second):
                assert client.publish("cam1") == "NetStream.Publish.Start"
                for tag in clip_tags[:10]:
                    client.send_tag(tag)
            wait_until(lambda: origin.api("streams/live/cam1")["frames"], 10, "the stream has begun")
            allocations.arm(number)
            try:
                web.request(origin.http_port, "/api/v1/streams/live/cam1/switch", method="POST", timeout=5)
                web.request(origin.http_port, "/api/v1/streams/live/cam1", timeout=5)
            except (OSError, http.client.HTTPException):
                pass  # it was this one
            count = allocations.disarm()
        assert origin.child.running(), f"it died of allocation {number}"
        origin.wait_metric("weir_streams", 0, timeout=10)
    print(f"{number} allocations")
    assert 20 < number < MOST


def test_a_relay_link(swept, clip_tags):
    origin, _, allocations = swept("origin")

    def session(timeout):
        link = relay.Link(origin.relay_port)
        link.socket.settimeout(timeout)
        link.socket.sendall(relay.message(relay.LOCATE, [(1, 1), (2, "live/cam1")]))
        link.read()
        link.socket.sendall(relay.message(relay.PUBLISH, [(1, 4), (2, "live/cam2"), (4, "10.0.0.1:5"), (5, "rtmp"), (6, "s")]))
        link.read()
        link.close()

    sweep(allocations, origin, session)
    origin.wait_metric("weir_streams", 0)


def test_a_player_and_a_viewer_over_http(swept, encoder):
    origin, edge, allocations = swept("edge")
    encoder(origin.rtmp_port, retry=True)

    def play(timeout):
        with rtmp.Client(edge.rtmp_port, timeout=timeout) as client:
            client.play("cam1")
            for _ in range(5):
                client.next_frame(timeout)

    def watch(timeout):
        with web.RawConnection(edge.http_port, timeout=timeout) as viewer:
            viewer.send(b"GET /live/cam1.flv HTTP/1.0\r\n\r\n")
            viewer.answer(head_only=True)
            reader, tags = flv.Reader(), []
            while len(tags) < 5:
                tags += reader.feed(viewer.buffer)
                viewer.buffer = viewer.socket.recv(65536)
                assert viewer.buffer, "closed"

    sweep(allocations, edge, play)
    sweep(allocations, edge, watch)


def test_players_of_hls_and_dash(swept, encoder):
    origin, edge, allocations = swept("edge", {"edge.wait_publish": "1s"})
    encoder(origin.rtmp_port, retry=True)
    player = hls.Player(edge)

    def watch(timeout):
        for name, path in player.tracks(timeout=timeout).items():
            playlist = player.media(path, timeout=timeout)
            player.fetch(path, playlist.segments[-1].init, timeout=timeout)
            player.fetch(path, playlist.segments[-1].uri, timeout=timeout)
        for path in ("/live/cam1/manifest.mpd", "/live/cam1/ts/index.m3u8"):
            assert player.get(path, timeout=timeout).status == 200

    sweep(allocations, edge, watch)


def test_a_request_over_tls(swept, tmp_path):
    port = weir.free_port()
    _, edge, allocations = swept("edge", tls.settings({"only": tls.make_certificate(tmp_path, "only", ["localhost"])}, port))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE

    def ask(timeout):
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=timeout, context=context)
        try:
            connection.request("GET", "/healthz")
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    sweep(allocations, edge, ask)
    edge.wait_metric('weir_connections{protocol="http"}', 1)  # who asks


def test_requests_and_a_stream_over_http_2(swept, encoder):
    origin, edge, allocations = swept("edge")
    encoder(origin.rtmp_port, retry=True)
    base = f"http://127.0.0.1:{edge.http_port}"

    def ask(timeout):
        told = subprocess.run(["nghttp", "-nv", base + "/metrics", base + "/nothing", base + "/healthz"], capture_output=True,
                              text=True, timeout=timeout, check=False).stdout
        assert told.count(":status: 200") == 2 and told.count(":status: 404") == 1

    def watch(timeout):
        reader, tags = flv.Reader(), []
        with subprocess.Popen(["curl", "-sSN", "--http2-prior-knowledge", "-m", str(timeout), base + "/live/cam1.flv"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            try:
                while len(tags) < 5:
                    data = client.stdout.read1()
                    assert data
                    tags += reader.feed(data)
            finally:
                client.kill()

    sweep(allocations, edge, ask)
    sweep(allocations, edge, watch)
    edge.wait_metric('weir_viewers{protocol="flv"}', 0)


def test_the_api(swept, encoder):
    origin, edge, allocations = swept("origin")
    encoder(origin.rtmp_port, retry=True)
    origin.wait_metric("weir_streams", 1)

    def ask(timeout):
        for path in ("/metrics", "/api/v1/streams/live/cam1"):
            assert web.request(origin.http_port, path, timeout=timeout).status == 200

    sweep(allocations, origin, ask)
    edge.wait_metric("weir_streams", 0, timeout=20)
