"""Nodes behind a proxy that says for whom it connects (the PROXY protocol): the client's address is what counts and what is told."""
import socket
import ssl
import struct

import pytest
import tls
import weir
from balancer import Balancer
from rtmp import Client

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def version_1(client, port):
    return f"PROXY TCP4 {client} 127.0.0.1 {port} 1935\r\n".encode()


def version_2(client, port):
    return SIGNATURE + b"\x21\x11\0\x0c" + socket.inet_aton(client) + socket.inet_aton("127.0.0.1") + struct.pack(">HH", port, 1935)


def local():
    return SIGNATURE + b"\x20\0\0\0"


@pytest.fixture
def origin(cluster):
    return cluster(origin={"rtmp.proxy_protocol": "true"}).origin


def publish(port, header=b"", name="cam", **options):
    """(client, the code of the answer)"""
    client = Client(port, **options)
    client.send(header)
    return client, client.publish(name)


def publisher(origin):
    """The address that the origin has of who publishes."""
    one, = origin.api("sessions")["sessions"]
    return one["remote"]


@pytest.mark.parametrize("form", [version_1, version_2])
def test_a_publisher_has_the_address_that_the_proxy_tells(origin, form):
    client, status = publish(origin.rtmp_port, form("192.0.2.77", 4001))
    with client:
        assert status == "NetStream.Publish.Start"
        assert publisher(origin) == "192.0.2.77:4001"
        origin.wait_log(r'msg="publish started".*remote=192\.0\.2\.77:4001')


def test_a_header_may_come_in_pieces(origin):
    header = version_2("192.0.2.78", 4002)
    with Client(origin.rtmp_port) as client:
        for i in range(len(header)):
            client.send(header[i:i + 1])
        assert client.publish("cam") == "NetStream.Publish.Start"
        assert publisher(origin) == "192.0.2.78:4002"


def test_a_proxy_that_speaks_for_itself_is_taken_for_itself(origin):
    client, status = publish(origin.rtmp_port, local())
    with client:
        assert status == "NetStream.Publish.Start"
        assert publisher(origin) == f"127.0.0.1:{client.socket.getsockname()[1]}"


@pytest.mark.parametrize("first", [b"\x03" + bytes(1536), b"PROXY TCP4 nowhere 127.0.0.1 1 2\r\n", SIGNATURE + b"\x21\x11\xff\xff"])
def test_who_does_not_come_through_a_proxy_is_refused(origin, first):
    with Client(origin.rtmp_port) as client:
        client.send(first)
        assert client.socket.recv(1) == b""
    origin.wait_log("connection refused: it does not begin with a PROXY header")


def test_a_live_name_is_kept_from_another_address_behind_the_same_proxy(origin):
    first, status = publish(origin.rtmp_port, version_1("192.0.2.1", 5000))
    with first:
        assert status == "NetStream.Publish.Start"
        stranger, status = publish(origin.rtmp_port, version_1("198.51.100.9", 5000))
        with stranger:
            assert status == "NetStream.Publish.BadName"
        again, status = publish(origin.rtmp_port, version_1("192.0.2.1", 5001))
        with again:
            assert status == "NetStream.Publish.Start", "from its own address it has its name at once"


def test_a_header_stands_before_tls(cluster, tmp_path):
    certificate = tls.make_certificate(tmp_path, "first", ["localhost"])
    port = weir.free_port()
    cluster(edge=tls.settings({"first": certificate}, port, **{"https.proxy_protocol": "true"}))
    context = ssl.create_default_context(cafile=certificate[0])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        plain.sendall(version_2("192.0.2.5", 4003))
        with context.wrap_socket(plain, server_hostname="localhost") as secure:
            secure.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert secure.recv(12) == b"HTTP/1.1 200"


def test_haproxy_tells_who_an_encoder_is(nodes, children):
    origins = [nodes("origin", {"rtmp.proxy_protocol": "true"}, name=f"origin{i}").start() for i in (1, 2)]
    edges = [nodes("edge", {"registry.origins": origins[0].relay}, name=f"edge{i}").start() for i in (1, 2)]
    balancer = Balancer(children, origins, edges, proxied=True)
    client, status = publish(balancer.ports["encoders"], source="127.0.0.9")
    with client:
        assert status == "NetStream.Publish.Start"
        sessions = [session for origin in origins for session in origin.api("sessions")["sessions"]]
        assert [session["remote"] for session in sessions] == [f"127.0.0.9:{client.socket.getsockname()[1]}"]
