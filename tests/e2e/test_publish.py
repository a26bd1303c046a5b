"""Who may publish what, where, and what becomes of a second publisher."""
import time

import flv
import media
import pytest
import rtmp
from process import SLOW, wait_until
from test_floods import resident


def publisher(port, tags, name="cam1", count=20, **options):
    """A client that has published the first of the clip's tags and keeps the name."""
    client = rtmp.Client(port, **options)
    assert client.publish(name) == "NetStream.Publish.Start"
    for tag in [tag for tag in tags if tag.type != flv.DATA][:count]:
        client.send_tag(tag)
    return client


def closed(client, timeout=5):
    """True when the peer closes within the time; what came before is in client.statuses."""
    deadline = time.monotonic() + timeout * SLOW
    try:
        while True:
            client.read_message(max(0.01, deadline - time.monotonic()))
    except rtmp.Closed:
        return True
    except TimeoutError:
        return False


def test_the_newest_publisher_from_the_same_address_takes_over(cluster, clip_tags):
    made = cluster()
    with publisher(made.origin.rtmp_port, clip_tags) as first, publisher(made.origin.rtmp_port, clip_tags):
        assert closed(first)
        assert first.statuses[-1]["code"] == "NetStream.Publish.BadName"
        made.origin.wait_metric("weir_publishers", 1)
        assert made.origin.api("streams/live/cam1")["state"] == "live"


def test_viewers_see_a_takeover_begin_at_a_keyframe(cluster, encoder, clip_tags):
    made = cluster()
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        last = viewer.next_frame(10, wanted=lambda tag: tag.type == flv.VIDEO and tag.is_frame())
        second = encoder(made.origin.rtmp_port)
        wait_until(lambda: second.first_frame_at, 10, "the second publishes")
        deadline = second.first_frame_at[0] + 2 * SLOW
        while last.arrival < deadline:
            frame = viewer.next_frame(5, wanted=lambda tag: tag.type == flv.VIDEO and tag.is_frame())
            assert frame.timestamp > last.timestamp
            last = frame


def test_another_address_may_not_take_a_lively_stream(cluster, encoder):
    made = cluster()
    source = encoder(made.origin.rtmp_port)
    wait_until(lambda: source.sent > 30, 10, "the first publishes")
    with rtmp.Client(made.origin.rtmp_port, source="127.0.0.2") as other:
        assert other.publish("cam1") == "NetStream.Publish.BadName"
        assert closed(other)
    sent = source.sent
    wait_until(lambda: source.sent > sent + 30, 5, "the first goes on")


def test_another_address_may_take_a_silent_stream(cluster, clip_tags):
    made = cluster(origin={"ingest.stall": "300ms"})
    with publisher(made.origin.rtmp_port, clip_tags) as silent:
        def taken():
            with rtmp.Client(made.origin.rtmp_port, source="127.0.0.2") as other:
                return other.publish("cam1") == "NetStream.Publish.Start"
        wait_until(taken, 5, "the silent publisher is replaced")
        assert closed(silent)


def test_in_reject_mode_the_holder_stays(cluster, clip_tags):
    made = cluster(origin={"ingest.second": "reject"})
    with publisher(made.origin.rtmp_port, clip_tags) as first:
        with rtmp.Client(made.origin.rtmp_port) as second:
            assert second.publish("cam1") == "NetStream.Publish.BadName"
            assert closed(second)
        for tag in clip_tags[20:40]:
            first.send_tag(tag)
        assert not closed(first, timeout=0.2)


def test_publishers_that_fight_for_a_name_are_parted(cluster, clip_tags):
    made = cluster()
    codes = []
    clients = []
    for _ in range(6):
        clients.append(rtmp.Client(made.origin.rtmp_port))
        codes.append(clients[-1].publish("cam1"))
    assert codes == ["NetStream.Publish.Start"] * 4 + ["NetStream.Publish.BadName"] * 2
    made.origin.wait_log("two publishers fight")
    for client in clients:
        client.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_publish_to_the_edge_goes_on_to_the_origin(cluster, children, workers):
    made = cluster(workers=workers)
    media.ffmpeg_publish(children, made.edge.rtmp())
    assert media.codecs(made.edge.rtmp()) == {"h264", "aac"}
    assert made.origin.api("streams/live/cam1")["state"] == "live"
    assert media.decode_complaints(made.edge.flv(), seconds=2) == ""


def test_a_publish_to_one_edge_plays_at_another(cluster, children):
    made = cluster(edges=2)
    media.ffmpeg_publish(children, made.edges[0].rtmp())
    assert media.codecs(made.edges[1].flv()) == {"h264", "aac"}


def test_a_publish_to_an_edge_without_origin_is_refused_so_that_obs_tries_again(cluster):
    made = cluster()
    made.origin.kill()
    with rtmp.Client(made.edge.rtmp_port, timeout=20) as client:
        assert client.publish("cam1") == "NetStream.Publish.Failed"


def test_a_stream_key_may_carry_a_query(cluster, children):
    made = cluster()
    media.ffmpeg_publish(children, made.origin.rtmp("live/cam1?key=secret&x=1"))
    assert media.codecs(made.edge.rtmp("live/cam1?token=abc")) == {"h264", "aac"}
    assert [one["name"] for one in made.origin.api("streams")["streams"]] == ["live/cam1"]
    for node in made.nodes():
        assert "secret" not in node.log_text(), "keys stay out of the log"


@pytest.mark.parametrize("name", [".hidden", "a b", "a/b", "", "x" * 129, "é", "..", "a\x00b"])
def test_a_name_that_is_no_name_is_refused(cluster, name):
    made = cluster()
    with rtmp.Client(made.origin.rtmp_port) as client:
        assert client.publish(name) in ("NetStream.Publish.BadName", "NetStream.Publish.Denied")
    assert made.origin.api("streams")["streams"] == []


@pytest.mark.parametrize("app", ["api", "metrics", "console"])
def test_a_reserved_app_is_refused(cluster, app):
    made = cluster()
    with rtmp.Client(made.origin.rtmp_port, app) as client:
        try:
            code = client.publish("cam1")
        except (AssertionError, rtmp.Closed):
            code = "refused at connect"
        assert code != "NetStream.Publish.Start"


def test_playing_from_an_origin_is_refused_with_a_reason(cluster):
    made = cluster()
    with rtmp.Client(made.origin.rtmp_port) as client:
        client.play("cam1")
        status = client.wait_status()
        assert status["code"] == "NetStream.Play.Failed"
        assert "edge" in status["description"]


@pytest.mark.parametrize("garbage", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01" + b"\0" * 3000, b"\x03" + b"\xff" * 6000])
def test_garbage_is_closed_and_hurts_nobody(cluster, encoder, garbage):
    made = cluster(origin={"rtmp.handshake_timeout": "500ms"})
    source = encoder(made.origin.rtmp_port)
    wait_until(lambda: source.sent > 10, 10, "the encoder publishes")
    with rtmp.Client(made.origin.rtmp_port) as client:
        client.send(garbage)
        began = time.monotonic()
        try:
            while time.monotonic() - began < 5 * SLOW and client.socket.recv(65536):
                pass
        except ConnectionError:
            pass
        assert time.monotonic() - began < 5 * SLOW, "the connection is closed"
    sent = source.sent
    wait_until(lambda: source.sent > sent + 30, 5, "the encoder goes on")


def test_an_oversized_message_closes_only_its_sender(cluster, clip_tags):
    made = cluster(origin={"rtmp.max_message": "64KiB"})
    with publisher(made.origin.rtmp_port, clip_tags, name="small"):
        with rtmp.Client(made.origin.rtmp_port) as client:
            assert client.publish("large") == "NetStream.Publish.Start"
            try:
                client.write_message(6, rtmp.VIDEO, client.stream_id, 0, b"\x17\x01\0\0\0" + b"\0" * 100000)
            except ConnectionError:
                pass
            assert closed(client)
        assert [one["name"] for one in made.origin.api("streams")["streams"] if one["state"] == "live"] == ["live/small"]
        made.origin.wait_log("stream=live/large reason=\"a message larger than")


@pytest.mark.parametrize("chunk_size", [1, 128, 65536])
def test_any_chunk_size_will_do(cluster, clip_tags, chunk_size):
    made = cluster()
    with publisher(made.origin.rtmp_port, clip_tags, chunk_size=chunk_size, count=60):
        wait_until(lambda: made.origin.metric("weir_frames_received_total") >= 50, 5, "the frames are there")


def test_who_publishes_without_waiting_is_seen_from_its_first_keyframe(cluster, clip_tags):
    """As nginx-rtmp's push and SRS's forward do: media right behind the command, configurations but once."""
    made = cluster(workers=2)
    media_tags = [tag for tag in clip_tags if tag.type != flv.DATA]
    configs = [tag for tag in media_tags if tag.is_config()]
    first = next(tag for tag in media_tags if tag.is_keyframe())
    with rtmp.Client(made.origin.rtmp_port) as client, rtmp.Client(made.edge.rtmp_port) as viewer:
        client.connect()
        client.create_stream()
        once, client.send = bytearray(), lambda data: once.extend(data)
        client.command("publish", None, "cam1", "live", stream_id=client.stream_id)
        for tag in configs + [first]:
            client.send_tag(tag)
        del client.send
        client.send(once)
        assert client.wait_status()["code"] == "NetStream.Publish.Start"
        viewer.play("cam1")
        keyframe = viewer.next_frame(10, wanted=flv.Tag.is_keyframe)
        assert keyframe.payload == first.payload


def test_many_publishers_on_many_workers(cluster, clip_tags):
    made = cluster(workers=4)
    clients = [publisher(made.origin.rtmp_port, clip_tags, name=f"cam{i}") for i in range(16)]
    made.origin.wait_metric("weir_publishers", 16)
    assert sorted(one["name"] for one in made.origin.api("streams")["streams"]) == sorted(f"live/cam{i}" for i in range(16))
    for client in clients:
        client.close()
    made.origin.wait_metric("weir_publishers", 0)


def test_a_log_holds_what_it_counts_however_large_the_messages_were(cluster, clip_tags):
    """A message of two tracks: a keyframe of eight bytes, and seven megabytes of a track that was never configured."""
    made = cluster(origin={"stream.log_bytes": "8MiB", "node.workers": 1})
    tiny, count = b"\0\0\0\x04\x65\x88\x84\0", 40
    junk = bytes(7 << 20)
    body = b"\x96\x13avc1" + b"\0" + len(tiny).to_bytes(3, "big") + tiny + b"\1" + len(junk).to_bytes(3, "big") + junk
    with rtmp.Client(made.origin.rtmp_port, chunk_size=65536, timeout=30) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        for tag in clip_tags:
            if tag.is_config():
                client.send_tag(tag, 0)
        before = resident(made.origin)
        for i in range(count):
            client.write_message(6, 9, client.stream_id, 1000 + 33 * i, body)
        made.origin.wait_metric("weir_frames_dropped_total", count, 30)  # the junk; so the frames are in the log
        # A sanitizer keeps freed memory for a while.
        assert resident(made.origin) - before < (100 << 20) + (256 << 20) * (SLOW > 2)
