"""A real encoder pushes to the origin; real players watch at the edge."""
import time

import flv
import media
import pytest
import rtmp
import web


@pytest.fixture
def live(cluster, children):
    """A cluster with ffmpeg publishing live/cam1, seen on the edge's API as live."""
    made = cluster()
    media.ffmpeg_publish(children, made.origin.rtmp())
    return made


@pytest.mark.parametrize("kind", ["rtmp", "flv"])
def test_ffprobe_sees_h264_and_aac(live, kind):
    streams = media.ffprobe_json(getattr(live.edge, kind)())["streams"]
    found = {stream["codec_name"]: stream for stream in streams}
    assert set(found) == {"h264", "aac"}
    assert (found["h264"]["width"], found["h264"]["height"]) == (320, 180)
    assert found["aac"]["sample_rate"] == "48000"


@pytest.mark.parametrize("kind", ["rtmp", "flv"])
def test_a_player_decodes_without_complaint(live, kind):
    assert media.decode_complaints(getattr(live.edge, kind)(), seconds=3) == ""


def test_frames_advance_in_real_time(live):
    with rtmp.Client(live.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        first = viewer.next_frame(10, wanted=flv.Tag.is_keyframe)
        last = first
        while last.arrival - first.arrival < 2:
            frame = viewer.next_frame()
            if frame.type == rtmp.VIDEO:
                assert frame.timestamp > last.timestamp, "video time goes on"
                last = frame
        media_time = (last.timestamp - first.timestamp) / 1000
        # A viewer begins at the newest keyframe, so up to one GOP (1 s) comes at once.
        assert 1.5 < media_time < 3.6


def test_a_viewer_begins_with_configurations_and_a_keyframe(live):
    with rtmp.Client(live.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        tags = []
        while not tags or tags[-1].type != rtmp.VIDEO or tags[-1].is_config():
            message = viewer.read_message(10)
            if message.type in (rtmp.AUDIO, rtmp.VIDEO):
                tags.append(message.tag())
        assert any(tag.is_video_config() for tag in tags)
        assert any(tag.is_audio_config() for tag in tags)
        assert tags[-1].is_keyframe()
        assert [status["code"] for status in viewer.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]


def test_rtmpdump_records_a_readable_file(live, children, tmp_path):
    output = tmp_path / "dump.flv"
    media.ffprobe_json(live.edge.rtmp())  # the stream is there
    dump = media.rtmpdump(children, live.edge.rtmp(), output)
    began = time.monotonic()
    while time.monotonic() - began < 20 and (not output.exists() or output.stat().st_size < 60000):
        assert dump.running(), dump.text()
        time.sleep(0.05)
    dump.stop()
    assert media.codecs(str(output)) == {"h264", "aac"}


def test_many_viewers_watch_one_subscription(live):
    viewers = [rtmp.Client(live.edge.rtmp_port).play("cam1") for _ in range(20)]
    for viewer in viewers:
        viewer.next_frame(10)
    assert live.edge.metric('weir_viewers{protocol="rtmp"}') == 20
    assert live.origin.metric("weir_relay_subscriptions") == 1
    for viewer in viewers:
        viewer.close()
    live.edge.wait_metric('weir_viewers{protocol="rtmp"}', 0)


def test_a_chain_of_edges_plays(cluster, nodes, children):
    """An edge whose origin is another edge."""
    made = cluster()
    child = nodes("edge", {"registry.origins": made.edge.relay}, name="child").start()
    media.ffmpeg_publish(children, made.origin.rtmp())
    assert media.codecs(child.rtmp()) == {"h264", "aac"}


def flv_kinds(port, path):
    """What the file header of HTTP-FLV promises."""
    reader = flv.Reader()
    with web.RawConnection(port) as connection:
        connection.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        connection.answer(head_only=True)
        while not reader.begun:
            list(reader.feed(connection.buffer))
            connection.buffer = connection.socket.recv(65536)
    return reader.kinds


def test_audio_only_and_video_only_streams_play(cluster, children, tmp_path, encoder, clip_tags):
    made = cluster()
    sound = [tag for tag in clip_tags if tag.type == flv.AUDIO]
    picture = [tag for tag in clip_tags if tag.type == flv.VIDEO]
    encoder(made.origin.rtmp_port, sound, name="sound")
    encoder(made.origin.rtmp_port, picture, name="picture")
    for name, kind, codec in (("live/sound", flv.AUDIO, "aac"), ("live/picture", flv.VIDEO, "h264")):
        assert flv_kinds(made.edge.http_port, f"/{name}.flv") == {kind}, "players wait for what the header promises"
        assert media.codecs(made.edge.flv(name)) == {codec}


def test_a_name_that_nobody_publishes_is_told_after_the_wait(cluster):
    made = cluster(edge={"edge.wait_publish": "1s"})
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("nobody")
        assert viewer.wait_status(10)["code"] in ("NetStream.Play.Reset", "NetStream.Play.StreamNotFound")
        while viewer.statuses[-1]["code"] != "NetStream.Play.StreamNotFound":
            viewer.wait_status(10)
