"""RTMP over TLS, as encoders and players speak it."""
import ssl
import struct

import flv
import media
import pytest
import tls
import weir
from process import wait_until
from rtmp import ACKNOWLEDGEMENT, Client


class Secured(Client):
    """The test's own client, over TLS."""

    def __init__(self, port, certificate, **options):
        super().__init__(port, **options)
        context = ssl.create_default_context(cafile=certificate)
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.sent = 0  # bytes of RTMP

    def send(self, data):
        super().send(data)
        self.sent += len(data)


@pytest.fixture
def secure(cluster, tmp_path):
    """(cluster, its origin's and its edge's RTMPS ports, the certificate's file)"""
    certificate = tls.make_certificate(tmp_path, "first", ["localhost"])
    pair = ":".join(str(file) for file in certificate)
    ports = weir.free_ports(2)
    settings = [{"rtmps.listen": f"127.0.0.1:{port}", "https.certificates": pair} for port in ports]
    made = cluster(origin=settings[0], edge=settings[1])
    return made, *ports, certificate[0]


def test_ffmpeg_publishes_and_plays_over_tls(secure, children, clip):
    _, origin_port, edge_port, _ = secure
    children.start("encoder", [*media.FFMPEG, "-v", "warning", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "flv",
                               f"rtmps://127.0.0.1:{origin_port}/live/cam1"])
    played = tls.run(*media.FFMPEG, "-v", "error", "-i", f"rtmps://127.0.0.1:{edge_port}/live/cam1", "-t", "2", "-f", "null", "-", timeout=60)
    assert (played.returncode, played.stderr) == (0, "")


def test_in_clear_and_over_tls_are_the_same_bytes(secure, encoder):
    made, _, edge_port, certificate = secure
    encoder(made.origin.rtmp_port)
    with Secured(edge_port, certificate) as one, Client(made.edge.rtmp_port) as other:
        for client in (one, other):
            client.play("cam1")
        frames = [{(frame.type, frame.timestamp): frame.payload for frame in (client.next_frame(10) for _ in range(90))}
                  for client in (one, other)]
        common = frames[0].keys() & frames[1].keys()
        assert len(common) > 20 and all(frames[0][key] == frames[1][key] for key in common)


def test_a_publisher_is_acknowledged_what_it_sent_not_what_tls_made_of_it(secure, clip):
    made, origin_port, _, certificate = secure
    with Secured(origin_port, certificate) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        client.write_message(2, 5, 0, 0, struct.pack(">I", 20000))
        for tag in flv.read_file(clip):
            client.send_tag(tag)
        message = client.read_message()
        while message.type != ACKNOWLEDGEMENT:
            message = client.read_message()
        counted, = struct.unpack(">I", message.payload)
        received, = [session["received_bytes"] for session in made.origin.api("sessions")["sessions"]]
        assert 20000 <= counted <= client.sent < received


def test_plain_rtmp_at_the_port_of_tls_is_refused(secure):
    made, origin_port, _, _ = secure
    with Client(origin_port) as client, pytest.raises((ConnectionError, EOFError, AssertionError)):
        client.publish("cam1")
    made.origin.wait_log("tls connection failed")


def test_a_node_without_certificates_says_what_is_missing():
    refused = weir.run_program("origin", "--set", f"rtmps.listen=127.0.0.1:{weir.free_port()}")
    assert refused.returncode != 0 and "https.certificates: is needed where rtmps.listen is set" in refused.stderr


def test_who_plays_over_tls_is_counted_like_others(secure, encoder):
    made, _, edge_port, certificate = secure
    encoder(made.origin.rtmp_port)
    with Secured(edge_port, certificate) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        made.edge.wait_metric('weir_viewers{protocol="rtmp"}', 1)
    wait_until(lambda: made.edge.metric('weir_viewers{protocol="rtmp"}') == 0, 10, "it has left")
