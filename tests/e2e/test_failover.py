"""Nodes, encoders and viewers fail; the others go on."""

import flv
import media
import pytest
import rtmp
from process import SLOW, wait_until
from web import RawConnection

SUBSCRIPTIONS = "weir_relay_subscriptions"


def keyframe_after(viewer, moment, timeout):
    """The first keyframe that arrives after `moment`."""
    while True:
        frame = viewer.next_frame(timeout, wanted=flv.Tag.is_keyframe)
        if frame.arrival > moment:
            return frame


def test_viewers_stay_and_go_on_when_the_origin_is_killed_and_comes_back(cluster, encoder):
    made = cluster()
    source = encoder(made.origin.rtmp_port, retry=True)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        before = viewer.next_frame(10)
        made.origin.kill()
        made.origin.start()
        wait_until(lambda: len(source.first_frame_at) == 2, 15, "the encoder publishes again")
        after = keyframe_after(viewer, source.first_frame_at[1], 10 * SLOW)
        gap = after.arrival - source.first_frame_at[1]
        print(f"first keyframe at the viewer {1000 * gap:.0f} ms after the encoder's")
        assert gap < 1 * SLOW
        assert after.timestamp > before.timestamp, "time never goes back for a viewer"
        assert "NetStream.Play.StreamNotFound" not in [status["code"] for status in viewer.statuses]


@pytest.mark.parametrize("kind", ["rtmp", "flv"])
def test_ffmpeg_keeps_playing_across_the_origins_death(cluster, children, encoder, kind, tmp_path):
    made = cluster()
    source = encoder(made.origin.rtmp_port, retry=True)
    output = tmp_path / "played.flv"
    player = children.start("player", [*media.FFMPEG, "-v", "warning", "-i", getattr(made.edge, kind)(), "-c", "copy",
                                       "-flush_packets", "1", "-f", "flv", "-y", output])
    wait_until(lambda: output.exists() and output.stat().st_size > 20000, 20, "the player records")
    made.origin.kill()
    made.origin.start()
    wait_until(lambda: len(source.first_frame_at) == 2, 15, "the encoder publishes again")
    size = output.stat().st_size
    wait_until(lambda: output.stat().st_size > size + 60000, 15, "the same player records on")
    assert player.running()
    assert player.stop() in (0, 255)
    assert media.codecs(str(output)) == {"h264", "aac"}


def test_viewers_stay_when_the_encoder_leaves_and_comes_back(cluster, encoder):
    made = cluster()
    first = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        before = viewer.next_frame(10)
        first.close()
        wait_until(lambda: made.origin.api("streams/live/cam1")["state"] == "waiting", 5, "the stream waits")
        second = encoder(made.origin.rtmp_port)
        wait_until(lambda: second.first_frame_at, 10, "the encoder publishes again")
        after = keyframe_after(viewer, second.first_frame_at[0], 5 * SLOW)
        assert after.arrival - second.first_frame_at[0] < 1 * SLOW
        assert after.timestamp > before.timestamp


def test_a_stream_ends_when_no_encoder_comes_back(cluster, encoder):
    made = cluster(origin={"stream.grace": "500ms"})
    source = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        source.close()
        codes = []
        while "NetStream.Play.UnpublishNotify" not in codes:
            codes.append(viewer.wait_status(10)["code"])
    made.origin.wait_metric("weir_streams", 0)
    made.origin.wait_metric("weir_logs", 0)


def test_a_silent_encoder_is_let_go(cluster, clip_tags):
    made = cluster(origin={"rtmp.idle_timeout": "1s", "stream.grace": "500ms"})
    with rtmp.Client(made.origin.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        for tag in clip_tags[:20]:
            client.send_tag(tag)
        made.origin.wait_metric("weir_publishers", 1)
        made.origin.wait_metric("weir_publishers", 0, timeout=10)
    made.origin.wait_metric("weir_streams", 0)


def test_an_edge_that_dies_leaves_no_subscription(cluster, encoder):
    made = cluster(edge={"edge.linger": "30s"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        made.origin.wait_metric(SUBSCRIPTIONS, 1)
        made.edge.kill()
        made.origin.wait_metric(SUBSCRIPTIONS, 0, timeout=10)


def test_an_edge_lets_go_some_time_after_the_last_viewer(cluster, encoder):
    made = cluster(edge={"edge.linger": "300ms"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        made.origin.wait_metric(SUBSCRIPTIONS, 1)
    made.origin.wait_metric(SUBSCRIPTIONS, 0, timeout=10)
    made.edge.wait_metric("weir_streams", 0)


def test_a_viewer_that_stops_reading_hurts_nobody_and_comes_back_at_a_keyframe(cluster, encoder, clip_tags):
    """A log of few seconds and a stream that soon fills the sockets' buffers: the stalled viewer falls out of the log."""
    made = cluster(edge={"stream.log_duration": "2s"})
    encoder(made.origin.rtmp_port, flv.padded(clip_tags, 60000))
    with rtmp.Client(made.edge.rtmp_port, receive_buffer=4096) as stalled, rtmp.Client(made.edge.rtmp_port) as other:
        stalled.play("cam1")
        other.play("cam1")
        last_read = stalled.next_frame(10)
        arrivals = [other.next_frame(10)]
        # Far more than the log and the sockets' buffers hold.
        while arrivals[-1].timestamp - last_read.timestamp < 8000:
            arrivals.append(other.next_frame(5))
        arrivals = [frame.arrival for frame in arrivals]
        assert max(b - a for a, b in zip(arrivals, arrivals[1:])) < 1 * SLOW, "the other viewer never waits"
        # What its socket still held is contiguous; the first hole must end at a keyframe.
        previous = last_read
        while True:
            frame = stalled.next_frame(10, wanted=lambda tag: tag.type == flv.VIDEO and tag.is_frame())
            if frame.timestamp - previous.timestamp > 500:
                break
            previous = frame
        assert frame.tag().is_keyframe()
        assert made.edge.metric("weir_cursor_overruns_total") == 1
        assert made.edge.metric('weir_viewers{protocol="rtmp"}') == 2


def test_an_http_viewer_that_stops_reading_is_closed_at_last(cluster, encoder, clip_tags):
    made = cluster(edge={"limits.stalled_viewer": "1s"})
    encoder(made.origin.rtmp_port, flv.padded(clip_tags, 60000))
    with RawConnection(made.edge.http_port) as viewer:
        viewer.send(b"GET /live/cam1.flv HTTP/1.1\r\nHost: x\r\n\r\n")
        made.edge.wait_metric('weir_viewers{protocol="flv"}', 1, timeout=10)
        made.edge.wait_metric('weir_viewers{protocol="flv"}', 0, timeout=60)


def test_an_rtmp_viewer_that_stops_reading_is_closed_at_last(cluster, encoder, clip_tags):
    made = cluster(edge={"limits.stalled_viewer": "1s"})
    encoder(made.origin.rtmp_port, flv.padded(clip_tags, 60000))
    with rtmp.Client(made.edge.rtmp_port, receive_buffer=4096) as stalled, rtmp.Client(made.edge.rtmp_port) as other:
        stalled.play("cam1")
        other.play("cam1")
        made.edge.wait_metric('weir_viewers{protocol="rtmp"}', 2, timeout=10)
        while made.edge.metric('weir_viewers{protocol="rtmp"}') == 2:
            other.next_frame(10)
        made.edge.wait_log("the viewer took nothing for limits.stalled_viewer")
        other.next_frame(10)


def test_both_nodes_end_in_order_while_streams_run(cluster, encoder):
    made = cluster()
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        made.edge.terminate()
        made.origin.terminate()
