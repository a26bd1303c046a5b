"""Peers that vanish without a word: no FIN, no RST. Sockets are half open, and nothing waits for them for long."""
import socket
import time

import pytest
import rtmp
from cable import Cable
from process import SLOW, wait_until
from weir import free_port


def publish_some(client, tags, name="cam1"):
    """Publishes the clip's beginning, and stays connected."""
    assert client.publish(name) == "NetStream.Publish.Start"
    for tag in tags[:40]:
        client.send_tag(tag)
    return time.monotonic()


@pytest.fixture
def reachable(nodes, machine):
    """A node that the other machine reaches by RTMP: reachable(role, settings)."""

    def make(role, settings=None):
        port = free_port()
        node = nodes(role, {**(settings or {}), "rtmp.listen": f"{machine.host}:{port}"}).start()
        node.rtmp_port = port
        return node

    return make


def test_an_encoder_that_vanished_is_noticed_by_the_system(reachable, machine, clip_tags):
    origin = reachable("origin", {"limits.tcp_timeout": "2s", "rtmp.idle_timeout": "10m", "stream.grace": "10m",
                                  "stream.log_duration": "700s"})
    with machine.inside():
        client = rtmp.Client(origin.rtmp_port, host=machine.host)
    with client:
        publish_some(client, clip_tags)
        origin.wait_metric("weir_publishers", 1)
        machine.vanish()
        origin.wait_metric("weir_publishers", 0, timeout=15)
    assert origin.api("streams/live/cam1")["state"] == "waiting"
    origin.wait_log("connection timed out")


def test_a_viewer_that_vanished_is_noticed_by_the_system(nodes, reachable, machine, encoder):
    """While frames wait for its word."""
    origin = nodes("origin").start()
    edge = reachable("edge", {"registry.origins": origin.relay, "limits.tcp_timeout": "2s",
                              "limits.stalled_viewer": "2s"})
    encoder(origin.rtmp_port)
    with machine.inside():
        viewer = rtmp.Client(edge.rtmp_port, host=machine.host)
    with viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        machine.vanish()
        edge.wait_metric('weir_viewers{protocol="rtmp"}', 0, timeout=15)


def test_an_encoder_comes_back_at_once_though_its_old_socket_is_half_open(cluster, clip_tags):
    made = cluster()
    with rtmp.Client(made.origin.rtmp_port) as old, rtmp.Client(made.origin.rtmp_port) as new:
        publish_some(old, clip_tags)
        asked = time.monotonic()
        assert new.publish("cam1") == "NetStream.Publish.Start"
        assert time.monotonic() - asked < 1 * SLOW
        publisher = made.origin.api("streams/live/cam1")["publisher"]
        assert publisher["remote"].endswith(f":{new.socket.getsockname()[1]}")


def test_from_another_address_it_comes_back_once_the_old_socket_is_silent_for_long(cluster, clip_tags):
    made = cluster(origin={"ingest.stall": "2s"})
    refused = []

    def come_back():
        with rtmp.Client(made.origin.rtmp_port, source="127.0.0.2") as new:
            answer = new.publish("cam1")
            refused.append(time.monotonic())
            return answer == "NetStream.Publish.Start"

    with rtmp.Client(made.origin.rtmp_port) as old:
        last_sent = publish_some(old, clip_tags)
        wait_until(come_back, 10, "the newcomer is accepted")
        assert refused[-1] - last_sent >= 2
        assert refused[-1] - last_sent < 4 * SLOW
        assert len(refused) > 1, "it is refused before"


@pytest.mark.parametrize("kind", ["no answer to the connection", "no answer to the hello"])
def test_an_origin_that_hangs_keeps_no_edge_waiting(nodes, machine, encoder, kind):
    """Neither the edge's other links nor its viewers, and its own link is given up in relay.dead_after."""
    with socket.create_server((machine.host, 0)) as silent:
        hung = f"{machine.host}:{silent.getsockname()[1]}"
        if kind == "no answer to the connection":
            machine.vanish()
            hung = f"{machine.address}:1950"
        origin = nodes("origin", {"relay.secret": "s"}).start()
        edge = nodes("edge", {"registry.origins": f"{hung},{origin.relay}", "relay.secret": "s",
                              "relay.dead_after": "1200ms"}).start()
        encoder(origin.rtmp_port)
        with rtmp.Client(edge.rtmp_port) as viewer:
            viewer.play("cam1")
            viewer.next_frame(10)

            def hung_link():
                return next(node for node in edge.api("nodes")["nodes"] if node["address"] == hung)

            wait_until(lambda: "timed out" in hung_link().get("why", "") or
                       "no Hello" in hung_link().get("why", ""), 10, "the hung link is given up")
            assert hung_link()["state"] == "down"
            viewer.next_frame(10)


def test_a_stalled_link_is_dead_after_its_time_and_no_later(nodes, encoder):
    origin = nodes("origin").start()
    cable = Cable(origin.relay_port)
    try:
        edge = nodes("edge", {"registry.origins": f"127.0.0.1:{cable.port}"}).start()
        encoder(origin.rtmp_port)
        with rtmp.Client(edge.rtmp_port) as viewer:
            viewer.play("cam1")
            viewer.next_frame(10)
            cable.hold()
            held = time.monotonic()
            for node in (edge, origin):
                node.wait_log("relay link closed.*silent for relay.dead_after", timeout=10)
            assert 2.5 < time.monotonic() - held < 3.8 * SLOW, "three seconds, not a ping's interval more"
            cable.release()
    finally:
        cable.close()
