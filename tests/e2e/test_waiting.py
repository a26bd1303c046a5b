"""A publisher is lost: what viewers of each protocol see until it is back, and when it does not come back."""
import re
import struct
import time
import xml.etree.ElementTree as ET

import flv
import hls
import media
import pytest
import rtmp
import web
from flv_viewer import FlvViewer
from process import SLOW, wait_until
from redis import RedisCluster

DASH = {"d": "urn:mpeg:dash:schema:mpd:2011"}
STREAM_BEGIN, STREAM_DRY = 0, 2


@pytest.fixture(scope="session")
def other_tags(tmp_path_factory):
    """Another encoder's: a smaller picture, and no sound."""
    path = media.make_clip(tmp_path_factory.mktemp("other") / "other.flv", seconds=4, size="160x90", bframes=0, audio=False)
    return flv.read_file(path)


@pytest.fixture
def homes(children):
    """Makes clusters whose encoder may come back to the same origin or to another: homes("same", origin={…})."""
    made = []

    def make(where, **options):
        made.append(RedisCluster(children, origins=1 if where == "same" else 2, edges=1, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


def wait_state(node, state):
    wait_until(lambda: node.api("streams/live/cam1")["state"] == state, 10, f"the stream is {state} at {node.name}")


def next_event(viewer, timeout):
    """The next user control event: (its number, its value)."""
    deadline = time.monotonic() + timeout
    while True:
        message = viewer.read_message(deadline - time.monotonic())
        if message.type == rtmp.USER_CONTROL:
            return struct.unpack(">HI", message.payload[:6])


def begin_and_keyframe(viewer, timeout):
    """Waits for StreamBegin and a keyframe, whichever comes first; the keyframe."""
    deadline, begun, keyframe = time.monotonic() + timeout, False, None
    while not begun or not keyframe:
        message = viewer.read_message(deadline - time.monotonic())
        if message.type == rtmp.USER_CONTROL:
            begun = begun or struct.unpack(">HI", message.payload[:6]) == (STREAM_BEGIN, viewer.stream_id)
        elif message.type == rtmp.VIDEO and message.payload[:2] == b"\x17\x01":
            keyframe = keyframe or message
    return keyframe


def manifest(edge):
    answer = web.request(edge.http_port, "/live/cam1/manifest.mpd", timeout=20 * SLOW)
    assert answer.status == 200, answer
    return ET.fromstring(answer.body)


def timeline_end(mpd):
    """Of the last period's first track, in its timescale."""
    at = 0
    for step in mpd.findall("d:Period", DASH)[-1].find(".//d:SegmentTimeline", DASH):
        at = int(step.get("t", at)) + int(step.get("d")) * (int(step.get("r", 0)) + 1)
    return at


def test_rtmp_and_flv_viewers_get_silence_and_stay_whatever_the_limits_on_silence(cluster, encoder):
    short = {"rtmp.idle_timeout": "1s", "http.idle_timeout": "1s", "limits.stalled_viewer": "1s", "limits.tcp_timeout": "1s"}
    made = cluster(origin={"stream.grace": "2m", "stream.log_duration": "150s"}, edge=short)
    first = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        flv_viewer = FlvViewer(made.edge)
        flv_viewer.next(flv.Tag.is_keyframe)
        began = time.monotonic()
        first.close()
        assert next_event(viewer, 10 * SLOW) == (STREAM_DRY, viewer.stream_id)
        assert next_event(viewer, 30 * SLOW)[0] == rtmp.PING_REQUEST
        assert time.monotonic() - began > 5, "longer than any of those limits"
        second = encoder(made.origin.rtmp_port)
        frame = begin_and_keyframe(viewer, 10 * SLOW)
        assert frame.arrival - second.first_frame_at[0] < 1 * SLOW
        assert flv_viewer.next(flv.Tag.is_keyframe).timestamp > 0
        assert [status["code"] for status in viewer.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]


def test_playlists_repeat_and_the_mpds_timeline_stops(cluster, encoder):
    made = cluster(origin={"package.segment": "500ms", "package.target_duration": "1s"})
    first = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    wait_until(lambda: len(player.media(path).segments) >= 4, 20, "segments")
    first.close()
    wait_state(made.edge, "waiting")
    held, mpd = player.media(path), manifest(made.edge)
    answer = player.get(f"{path}&_HLS_msn={held.last + 2}", timeout=15 * SLOW)
    assert answer.status == 503, "three target durations later"
    assert player.media(path) == held
    later = manifest(made.edge)
    assert later.get("type") == "dynamic" and timeline_end(later) == timeline_end(mpd)


@pytest.mark.parametrize("where", ["same", "other"])
def test_another_encoder_comes_back_with_another_picture_and_without_sound(homes, encoder, clip_tags, other_tags, where):
    made = homes(where, origin={"package.segment": "1s"})
    origin, edge, back = made.origins[0], made.edges[0], made.origins[-1]
    first = encoder(origin.rtmp_port)
    configs = [next(tag.payload for tag in tags if tag.is_video_config()) for tags in (clip_tags, other_tags)]
    player = hls.Player(edge)
    path = player.tracks()["v"]
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1")
        flv_viewer = FlvViewer(edge)
        assert flv_viewer.next(flv.Tag.is_video_config).payload == configs[0]
        last = viewer.next_frame(10)
        before, old_mpd = player.media(path), manifest(edge)
        first.close()
        wait_state(edge, "waiting")
        encoder(back.rtmp_port, other_tags)

        # RTMP and FLV: the new configuration stands before the first keyframe, and time goes on.
        def is_new(tag):
            return tag.is_video_config() and tag.payload == configs[1]

        while not is_new(viewer.read_message(10 * SLOW).tag()):
            pass
        frame = viewer.next_frame(10, wanted=flv.Tag.is_frame)
        assert frame.tag().is_keyframe() and frame.timestamp > last.timestamp
        flv_viewer.next(is_new)
        assert flv_viewer.next(flv.Tag.is_frame).is_keyframe()

    # HLS: numbers go on, with a discontinuity and another map.
    held = player.media(path)
    after = wait_until(lambda: (lambda one: one if one.last >= held.last + 3 and not one.segments[-1].gap else None)(
        player.media(path)), 20, "segments of the new encoder")
    assert after.segments[-1].init != before.segments[-1].init
    changed = next(one.msn for one in after.segments if one.init == after.segments[-1].init)
    between = [one for one in after.segments if before.last < one.msn <= changed]  # numbers may have been skipped before it
    assert [one.discontinuity for one in between].count(True) == 1
    numbers = [one.msn for one in after.segments]
    assert numbers == list(range(numbers[0], numbers[-1] + 1)) and numbers[-1] > before.last
    assert set(player.tracks()) == {"v"}, "the sound has gone"
    variants, _ = player.multivariant()
    assert variants[0]["RESOLUTION"] == "160x90"

    # DASH: another period, with the new picture and no sound.
    mpd = manifest(edge)
    period = mpd.findall("d:Period", DASH)[-1]
    assert period.get("id") not in [one.get("id") for one in old_mpd.findall("d:Period", DASH)]
    kinds = [one.get("contentType") for one in period.findall("d:AdaptationSet", DASH)]
    assert kinds == ["video"]
    assert period.find(".//d:Representation", DASH).get("width") == "160"


def test_the_same_encoder_comes_back_with_one_discontinuity_and_the_same_map(cluster, encoder):
    made = cluster(origin={"package.segment": "1s"})
    first = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    player.media(path)
    first.close()
    wait_state(made.edge, "waiting")
    held = player.media(path)
    encoder(made.origin.rtmp_port)
    after = wait_until(lambda: (lambda one: one if one.last >= held.last + 3 else None)(player.media(path)), 20, "it goes on")
    assert [one.discontinuity for one in after.segments if one.msn > held.last].count(True) == 1
    assert made.origin.api("streams/live/cam1")["timeline"]["discontinuities"] == 1


def test_after_the_grace_all_ends_and_a_later_publish_is_a_new_run_that_players_follow(cluster, encoder):
    made = cluster(origin={"package.segment": "1s", "stream.grace": "500ms"})
    first = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    player.media(path)
    run = made.origin.api("streams/live/cam1")["run"]
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        flv_viewer = FlvViewer(made.edge)
        first.close()
        ended = wait_until(lambda: (lambda one: one if one.ended else None)(player.media(path)), 10, "ENDLIST")
        assert manifest(made.edge).get("type") == "static"
        codes = []
        while "NetStream.Play.UnpublishNotify" not in codes:
            codes.append(viewer.wait_status(10)["code"])
        with pytest.raises(AssertionError, match="the body ended"):
            flv_viewer.next(lambda tag: False)
    encoder(made.origin.rtmp_port)
    fresh = wait_until(lambda: (lambda one: one if not one.ended else None)(player.media(path)), 20, "the playlist is live again")
    assert fresh.segments[0].msn > ended.last, "no number comes twice"
    assert made.origin.api("streams/live/cam1")["run"] != run
    player.fetch(path, fresh.segments[-1].uri)
    assert manifest(made.edge).get("type") == "dynamic"
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)


def test_ffmpeg_reads_hls_on_across_a_publishers_absence(cluster, children, encoder):
    made = cluster(origin={"package.segment": "1s"})
    first = encoder(made.origin.rtmp_port)
    url = f"http://127.0.0.1:{made.edge.http_port}/live/cam1/index.m3u8"
    player = children.start("player", [*media.FFMPEG, "-v", "info", "-i", url, "-vf", "showinfo", "-f", "null", "-"])

    def shown():
        return len(re.findall(r"Parsed_showinfo_0.* n: *\d+", player.text()))

    wait_until(lambda: shown() > 30, 30, "the player shows the picture")
    first.close()
    wait_state(made.edge, "waiting")
    encoder(made.origin.rtmp_port)
    before = shown()
    wait_until(lambda: shown() > before + 120, 30, "the player goes on")
    assert player.running()
    player.stop()


def vp8_tags(seconds=4):
    """Enhanced RTMP's VP8, 15 frames a second, a keyframe each second; nothing that a decoder would show."""
    key = b"\x10\x02\x00\x9d\x01\x2a" + (320).to_bytes(2, "little") + (180).to_bytes(2, "little") + bytes(50)
    return [flv.Tag(flv.VIDEO, i * 1000 // 15, bytes([0x80 | (2 if i % 15 else 1) << 4 | 1]) + b"vp08" +
                    (b"\x11\x02\x00" + bytes(50) if i % 15 else key)) for i in range(seconds * 15)]


@pytest.mark.parametrize("sound", [True, False])
def test_a_player_that_cannot_take_the_codec_is_told(cluster, encoder, clip_tags, sound):
    """Whether it was there before or comes later. With sound that it can take, it goes on with that."""
    vp8 = vp8_tags() + [tag for tag in clip_tags if tag.type == flv.AUDIO and sound]
    made = cluster()
    first = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer, rtmp.Client(made.edge.rtmp_port) as later, \
            rtmp.Client(made.edge.rtmp_port) as able:
        viewer.play("cam1")
        viewer.next_frame(10)
        first.close()
        wait_state(made.edge, "waiting")
        encoder(made.origin.rtmp_port, sorted(vp8, key=lambda tag: tag.timestamp))
        wait_state(made.edge, "live")
        later.play("cam1")
        for client in (viewer, later):
            wait_until(lambda client=client: client.read_message() and "NetStream.Play.NoSupportedTrackFound" in
                       [status["code"] for status in client.statuses], 20, "it is told")
            told = client.statuses[-1]
            assert told["level"] == ("warning" if sound else "error") and "vp08" in told["description"]
            if sound:
                assert client.next_frame(10).type == rtmp.AUDIO
        able.connect(fourCcList=["vp08"])
        able.create_stream()
        able.command("play", None, "cam1", -2000, stream_id=able.stream_id)
        while able.read_message(10).payload[1:5] != b"vp08":
            pass
        assert "NetStream.Play.NoSupportedTrackFound" not in [status["code"] for status in able.statuses]
