"""HTTPS and HTTP/2 as strangers' programs speak them: curl, openssl, nghttp, h2load."""
import re
import shutil
import socket
import subprocess

import flv
import pytest
import tls
import weir
from process import SLOW, wait_until
from test_floods import Floods, closed, opened, resident
from tls import run

SECONDS = 3  # of media that every viewer gets


class Secure:
    """What the tests ask of a node that serves HTTPS."""

    def __init__(self, node, port, certificate):
        self.node, self.port, self.certificate = node, port, certificate

    def url(self, path):
        return f"https://localhost:{self.port}{path}"

    def curl(self, path, *options, timeout=30):
        return run("curl", "-sS", "--cacert", self.certificate, "--resolve", f"localhost:{self.port}:127.0.0.1",
                   *options, self.url(path), timeout=timeout)

    def s_client(self, *options, timeout=10):
        """What openssl tells of one handshake, which it ends at once."""
        return run("openssl", "s_client", "-connect", f"127.0.0.1:{self.port}", *options, timeout=timeout).stdout


@pytest.fixture
def certificates(tmp_path):
    folder = tmp_path / "certificates"
    folder.mkdir()
    return {"first": tls.make_certificate(folder, "first", ["localhost", "first.test"]),
            "second": tls.make_certificate(folder, "second", ["*.second.test"])}


@pytest.fixture
def secure(cluster, certificates):
    """An edge, or with role="origin" an origin, that serves HTTPS beside HTTP."""
    def make(role="edge", workers=2, **more):
        port = weir.free_port()
        made = cluster(workers=workers, **{role: tls.settings(certificates, port, **more)})
        one = Secure(getattr(made, role), port, certificates["first"][0])
        one.cluster = made
        return one

    return make


# --- requests ---

@pytest.mark.parametrize("role", ["origin", "edge"])
def test_https_answers_as_http_does_by_every_version(secure, role):
    node = secure(role)
    for options, version in ((["--http2"], "2"), (["--http1.1"], "1.1"), (["--tlsv1.2", "--tls-max", "1.2"], "2"),
                             (["--tlsv1.3"], "2")):
        answer = node.curl("/healthz", "-w", " %{http_version}", *options)
        assert answer.stdout == '{"ok":true}\n ' + version, answer
    clear = run("curl", "-sS", "--http2-prior-knowledge", "-w", " %{http_version}",
                f"http://127.0.0.1:{node.node.http_port}/healthz")
    assert clear.stdout == '{"ok":true}\n 2'
    assert node.curl("/nothing", "-w", "%{http_code}").stdout.endswith("404")
    head = node.curl("/metrics", "-I").stdout
    assert head.startswith("HTTP/2 200") and re.search(r"content-length: [1-9]", head)


def test_old_versions_and_bare_http_are_refused(secure):
    node = secure(**{"https.min_version": "1.3"})
    assert node.curl("/healthz", "--tls-max", "1.2").returncode == 35
    assert node.curl("/healthz").returncode == 0
    with socket.create_connection(("127.0.0.1", node.port), timeout=5) as stranger:
        stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while stranger.recv(1000):
            pass
    node.node.wait_log("tls connection failed.*http request")
    assert node.node.metric("weir_tls_failed_total") == 2


def test_a_stalled_handshake_is_closed(secure):
    node = secure(**{"https.handshake_timeout": "200ms"})
    with socket.create_connection(("127.0.0.1", node.port), timeout=5) as stranger:
        assert stranger.recv(1) == b""
    node.node.wait_log("https.handshake_timeout")


def test_sessions_are_resumed_on_any_worker(secure, tmp_path):
    node = secure(workers=2)
    told = node.s_client("-reconnect", "-tls1_2")
    assert re.findall(r"^(New|Reused), TLSv1.2", told, re.M) == ["New"] + 5 * ["Reused"]
    saved = tmp_path / "session.pem"
    # With 1.3 tickets come behind the handshake: an answer has to be waited for.
    request = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", "-ign_eof", "-sess_out", saved],
                             input="GET /healthz HTTP/1.0\r\n\r\n", capture_output=True, text=True, timeout=10, check=False)
    assert '{"ok":true}' in request.stdout
    for _ in range(8):
        assert re.search(r"^Reused, TLSv1.3", node.s_client("-sess_in", saved), re.M)
    assert node.node.metric("weir_tls_resumed_total") == 5 + 8


# --- certificates ---

def subject(node, name):
    told = node.s_client(*(["-servername", name] if name else ["-noservername"]))
    return re.search(r"^subject=CN = (\S+)$", told, re.M).group(1)


def test_each_name_has_its_certificate(secure):
    node = secure()
    assert subject(node, "localhost") == "first"
    assert subject(node, "a.second.test") == "second"
    assert subject(node, "unknown.test") == "first"
    assert subject(node, None) == "first"


def test_certificates_are_read_again_and_connections_go_on(secure, certificates, encoder, children):
    node = secure()
    encoder(node.cluster.origin.rtmp_port)
    viewer = Watcher(children, "watcher", node.url("/live/cam1.flv"), "-k", "--http2")
    viewer.wait_bytes(1)
    certificate, key = certificates["second"]
    certificate.write_text("broken")
    node.node.wait_log("certificates changed and cannot be used")
    assert subject(node, "a.second.test") == "second"
    tls.make_certificate(certificate.parent, "third", ["*.second.test"])
    shutil.copy(certificate.parent / "third.pem", certificate)
    shutil.copy(certificate.parent / "third.key", key)
    wait_until(lambda: subject(node, "a.second.test") == "third", 10, "the new certificate is served")
    viewer.wait_bytes(viewer.size() + 20000)
    viewer.stop()


@pytest.mark.parametrize("role", ["origin", "edge"])
def test_check_tells_what_is_wrong_with_certificates(certificates, role):
    first, second = certificates["first"], certificates["second"]

    def check(value):
        told = weir.run_program(role, "--check", "--set", "https.listen=127.0.0.1:8443", "--set", f"https.certificates={value}")
        return told.returncode, told.stderr

    assert check(f"{first[0]}:{first[1]}") == (0, "")
    status, text = check("")
    assert status == 1 and "https.certificates: is needed where https.listen is set" in text
    status, text = check(f"{first[0]}:{second[1]}")
    assert status == 1 and str(second[1]) in text and "mismatch" in text
    status, text = check("/nowhere.pem")
    assert status == 1 and "/nowhere.pem: no certificate can be read: No such file" in text


def test_a_taken_port_is_told(certificates):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        settings = {"rtmp.listen": "", "http.listen": "", "relay.listen": "", **tls.settings(certificates, port)}
        told = weir.run_program("origin", *(part for key, value in settings.items() for part in ("--set", f"{key}={value}")))
    assert told.returncode > 0
    assert f"https.listen: cannot listen on 127.0.0.1:{port}: address already in use" in told.stderr


# --- streams ---

class Watcher:
    """curl, writing a stream to a file until it is stopped."""

    def __init__(self, children, name, url, *options):
        self.path = children.folder / f"{name}.flv"
        self.child = children.start(name, ["curl", "-sS", "-N", *options, "-o", self.path, url])

    def size(self):
        return self.path.stat().st_size if self.path.exists() else 0

    def wait_bytes(self, size):
        wait_until(lambda: self.size() >= size or not self.child.running(), 10, f"{size} bytes have come")
        assert self.child.running(), self.child.text()

    def frames(self):
        if not self.size():
            return []
        return [tag for tag in flv.Reader().feed(self.path.read_bytes()) if tag.is_frame()]

    def wait_span(self, seconds):
        """Waits for frames of so many seconds."""
        def enough():
            tags = self.frames()
            return tags and tags[-1].timestamp - tags[0].timestamp > 1000 * seconds

        wait_until(enough, 10 + seconds, f"{seconds} s of media have come")

    def stop(self):
        """The frames that came."""
        self.child.signal(15)
        self.child.wait(10)
        return self.frames()


def test_viewers_get_the_same_frames_by_every_version(secure, encoder, children):
    node = secure()
    encoder(node.cluster.origin.rtmp_port)
    clear = f"http://127.0.0.1:{node.node.http_port}/live/cam1.flv"
    ways = [(clear, "--http1.1"), (clear, "--http2-prior-knowledge"), (node.url("/live/cam1.flv"), "-k", "--http1.1"),
            (node.url("/live/cam1.flv"), "-k", "--http2"),
            (node.url("/live/cam1.flv"), "-k", "--http2", "--tls-max", "1.2")]
    viewers = [Watcher(children, f"watcher{i}", *way) for i, way in enumerate(ways)]
    for viewer in viewers:
        viewer.wait_bytes(1)
        viewer.wait_span(SECONDS)
    seen = [viewer.stop() for viewer in viewers]
    first = max(tags[0].timestamp for tags in seen)
    last = min(tags[-1].timestamp for tags in seen)
    assert last - first > 1000 * (SECONDS - 1), (first, last)
    shared = [[tag for tag in tags if first < tag.timestamp < last] for tags in seen]
    for way, tags in zip(ways, shared):
        assert tags == shared[0], way
    node.node.wait_metric('weir_viewers{protocol="flv"}', 0)


def load(url, *options):
    """h2load's count of requests that succeeded, of all."""
    told = run("h2load", *options, url, timeout=60).stdout
    total, succeeded = re.search(r"requests: (\d+) total.* (\d+) succeeded", told).groups()
    return int(total), int(succeeded)


def test_many_requests_on_few_connections_all_succeed(secure):
    node = secure(workers=2)
    for base in (f"http://127.0.0.1:{node.node.http_port}", f"https://127.0.0.1:{node.port}"):
        assert load(f"{base}/healthz", "-n", "2000", "-c", "10", "-m", "100") == (2000, 2000)
        assert load(f"{base}/metrics", "-n", "1000", "-c", "2", "-m", "100", "-w", "14") == (1000, 1000)


def test_many_viewers_on_one_connection_are_served(secure, encoder, children):
    node = secure(workers=1)
    encoder(node.cluster.origin.rtmp_port)
    child = children.start("h2load", ["h2load", "-n", "40", "-c", "2", "-m", "20", node.url("/live/cam1.flv")])
    node.node.wait_metric('weir_viewers{protocol="flv"}', 40, timeout=10)

    def sent():
        return [session["sent_bytes"] for session in node.node.api("sessions")["sessions"]]

    before = min(sent())
    wait_until(lambda: min(sent()) > before + 100000, 10, "each of them gets the stream")
    child.kill()
    node.node.wait_metric('weir_viewers{protocol="flv"}', 0)


def test_a_node_that_stops_tells_its_clients(secure, children):
    node = secure()
    client = children.start("nghttp", ["nghttp", "-nv", f"http://127.0.0.1:{node.node.http_port}/live/nobody.flv"])
    wait_until(lambda: node.node.api("sessions")["sessions"], 5, "the viewer waits")
    node.node.terminate()
    client.wait(10)
    assert "recv GOAWAY frame" in client.text()


# --- strangers ---

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GET = b"\x82\x86\x41\x01x\x04\x06/never"  # HPACK: GET, http, authority x, /never


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def half_open_handshakes(stop, port):
    connections = opened(port, 100)
    for connection in connections:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00")
    stop.wait(0.5)
    closed(connections)


def http2_flood(stop, port, frames):
    """Sends frames until the node has had enough."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(PREFACE + frame(4, 0, 0))
        stream = 1
        while not stop.is_set():
            connection.sendall(b"".join(frames(stream + 2 * i) for i in range(500)))
            stream += 1000


def test_strangers_are_sent_away_and_leave_nothing(secure, encoder, children):
    node = secure(**{"https.handshake_timeout": "500ms", "http.header_timeout": "500ms"})
    edge = node.node
    encoder(node.cluster.origin.rtmp_port)
    viewer = Watcher(children, "viewer", node.url("/live/cam1.flv"), "-k", "--http2")
    viewer.wait_span(0.5)
    before = resident(edge)
    floods = Floods()
    floods.add(half_open_handshakes, node.port)
    for frames in (lambda stream: frame(1, 5, stream, GET) + frame(3, 0, stream, b"\0\0\0\x08"),  # asked, and broken off
                   lambda stream: frame(6, 0, 0, b"12345678"),
                   lambda stream: frame(4, 0, 0),
                   lambda stream: frame(0, 0, 1),  # of no stream
                   lambda stream: frame(1, 1, stream, GET)):  # a head that does not end, and another
        floods.add(http2_flood, edge.http_port, frames)
    viewer.wait_span(4)
    worst = resident(edge)
    floods.stop()
    timestamps = [tag.timestamp for tag in viewer.stop() if tag.type == flv.VIDEO]
    assert max(later - earlier for earlier, later in zip(timestamps, timestamps[1:])) < 100, "no frame is missing"
    wait_until(lambda: edge.metric('weir_connections{protocol="http"}') <= 1, 15, "nobody is left")
    edge.wait_log("http2 connection")  # who was sent away, and why
    assert len(edge.log_lines()) < 3000
    if SLOW == 1:  # a sanitizer's allocator keeps what was freed
        assert worst - before < 64 << 20
