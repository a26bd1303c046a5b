"""What strangers can make a node hold has bounds, and at those bounds the streams that are there play on."""
import contextlib
import time

import flv
import rtmp
import web
from cable import Cable
from flv_viewer import FlvViewer
from process import SLOW, wait_until

LEAST_WAITED = 16  # names that a worker waits for in any case


def waiting_heads(node, stack, numbers):
    """Connections that each wait for the head of a stream of its own, which nobody publishes."""
    for i in numbers:
        connection = stack.enter_context(web.RawConnection(node.http_port, timeout=20 * SLOW))
        connection.send(b"HEAD /live/no%d.flv HTTP/1.1\r\nHost: x\r\n\r\n" % i)
        yield connection


def test_made_up_names_leave_room_for_the_streams_that_are_there(cluster, encoder):
    made = cluster(edge={"limits.streams": 4, "edge.wait_publish": "1m"})
    edge = made.edge
    encoder(made.origin.rtmp_port)
    made.origin.wait_metric("weir_publishers", 1)
    with contextlib.ExitStack() as stack:
        heads = list(waiting_heads(edge, stack, range(4)))
        edge.wait_metric("weir_streams_waited", 4)
        viewer = FlvViewer(edge)  # asserts a 200
        stack.callback(viewer.close)
        assert viewer.next(flv.Tag.is_keyframe)
        heads += waiting_heads(edge, stack, range(4, 3 * LEAST_WAITED))
        # All but the newest are answered long before their time; who watches does not notice.
        answers = [connection.answer(head_only=True) for connection in heads[:-LEAST_WAITED]]
        assert {answer.status for answer in answers} == {404}
        edge.wait_metric("weir_streams_waited", LEAST_WAITED)
        assert edge.metric('weir_streams_refused_total{reason="waited"}') == len(heads) - LEAST_WAITED
        assert edge.metric('weir_streams_refused_total{reason="limit"}') == 0
        assert viewer.next(flv.Tag.is_keyframe)
        assert web.request(edge.http_port, "/live/cam1/index.m3u8", timeout=20 * SLOW).status == 200
    edge.wait_metric("weir_streams_waited", 0)


def test_a_live_stream_beyond_the_limit_is_refused_as_that_and_not_as_missing(cluster, encoder):
    made = cluster(edge={"limits.streams": 1})
    edge = made.edge
    for name in ("cam1", "cam2"):
        encoder(made.origin.rtmp_port, name=name)
    made.origin.wait_metric("weir_publishers", 2)
    viewer = FlvViewer(edge)
    assert viewer.next(flv.Tag.is_keyframe)
    for path in ("/live/cam2.flv", "/live/cam2.ts", "/live/cam2/index.m3u8", "/live/cam2/manifest.mpd"):
        answer = web.request(edge.http_port, path, timeout=20 * SLOW)
        assert answer.status == 503 and answer.json()["error"]["code"] == "too_many_streams", path
        assert answer.headers["retry-after"] == "1", path
    with rtmp.Client(edge.rtmp_port) as refused:
        refused.play("cam2")
        refused.wait_status(10 * SLOW)
        while refused.statuses[-1]["code"] != "NetStream.Play.Failed":
            refused.wait_status(10 * SLOW)
    assert viewer.next(flv.Tag.is_keyframe)
    viewer.close()
    edge.wait_metric("weir_streams", 0, 30 * SLOW)
    viewer = FlvViewer(edge, "live/cam2")
    assert viewer.next(flv.Tag.is_keyframe), "there is room again"
    viewer.close()


def test_a_name_that_nobody_publishes_is_asked_for_less_and_less_often_and_found_at_once(nodes, encoder):
    """With the static registry: nothing but the origin's own word tells of the publish."""
    asked = []  # when
    origin = nodes("origin").start()
    wire = Cable(origin.relay_port, tap=lambda data: asked.append(time.monotonic()) if b"live/late" in data else None)
    edge = nodes("edge", {"registry.origins": f"127.0.0.1:{wire.port}", "edge.wait_publish": "2m"}).start()
    below = nodes("edge", {"registry.origins": edge.relay, "edge.wait_publish": "2m"}, name="below").start()
    try:
        with contextlib.ExitStack() as stack:
            viewer = stack.enter_context(rtmp.Client(edge.rtmp_port))
            viewer.play("late")
            wait_until(lambda: len(asked) >= 6, 60 * SLOW, "it has waited for long")
            # Pauses of a second, jittered to half, with what was missing remembered for a second: 4.5 s. Of four: 9 s.
            assert asked[5] - asked[2] > 5.7
            far = stack.enter_context(rtmp.Client(below.rtmp_port))
            far.play("late")
            wait_until(lambda: [s["state"] for s in below.api("streams")["streams"]] == ["pending"], 10 * SLOW,
                       "the edge below waits too")
            source = encoder(origin.rtmp_port, name="late")
            wait_until(lambda: source.first_frame_at, 10 * SLOW, "it is published")
            for client in (viewer, far):
                frame = client.next_frame(10 * SLOW)
                assert frame.arrival - source.first_frame_at[0] < 1 * SLOW
    finally:
        wire.close()


def test_players_beyond_the_limit_of_sessions_watch_all_the_same(cluster, encoder):
    most = 5
    made = cluster(edge={"limits.http_sessions": most})
    edge = made.edge
    encoder(made.origin.rtmp_port)
    made.origin.wait_metric("weir_publishers", 1)
    assert web.request(edge.http_port, "/live/cam1/index.m3u8", timeout=20 * SLOW).status == 200
    keys = [f"{i:032x}" for i in range(4 * most)]
    for key in keys:
        answer = web.request(edge.http_port, f"/live/cam1/v/index.m3u8?session={key}", timeout=20 * SLOW)
        assert answer.status == 200 and "#EXTINF" in answer.text()
    assert edge.metric('weir_viewers{protocol="hls"}') == most
    assert edge.metric("weir_http_sessions_refused_total") == len(keys) - most
    assert [s["id"] for s in edge.api("sessions")["sessions"]] == keys[:most]
    web.request(edge.http_port, f"/live/cam1/v/index.m3u8?session={keys[0]}", timeout=20 * SLOW)
    assert edge.metric("weir_http_sessions_refused_total") == len(keys) - most, "one that is there is found"


def test_a_stream_that_has_run_for_long_stays_in_the_list_however_many_come_and_go(cluster, encoder):
    made = cluster(edge={"limits.streams": 3}, origin={"stream.grace": "100ms"})
    edge = made.edge
    encoder(made.origin.rtmp_port, name="always")
    made.origin.wait_metric("weir_publishers", 1)
    for name in ("b", "c", "d"):
        source = encoder(made.origin.rtmp_port, name=name)
        made.origin.wait_metric("weir_publishers", 2)
        source.close()
        made.origin.wait_metric("weir_streams", 1, 20 * SLOW)

    def listed():
        return [stream["name"] for stream in edge.api("live")["live"]]

    wait_until(lambda: listed() == ["live/always"], 20 * SLOW, "the list has what is there")
