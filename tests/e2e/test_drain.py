"""A node that is to go lets what it has move elsewhere, and ends when nobody is left."""
import json
import signal
import subprocess
import time

import flv
import hls
import pytest
import rtmp
import web
from process import SLOW, wait_until
from web import RawConnection

RECONNECT = "NetConnection.Connect.ReconnectRequest"
QUICK = {"node.drain": "20s", "node.drain_notice": "200ms", "node.drain_publisher": "800ms"}
QUICK_EDGE = {**QUICK, "node.drain_viewer": "500ms"}


def post_drain(node, body=b"", **headers):
    return web.request(node.http_port, "/api/v1/drain", "POST", headers, body=body)


def wait_drained(node, timeout=15, reason="nobody is left"):
    """It ends by itself, with status 0."""
    node.ended = True
    status = node.child.wait(timeout)
    assert status == 0, node.log_text()[-3000:]
    assert not node.sanitizer_lines()
    assert node.log_lines(f"reason=\"drained: {reason}"), node.log_text()[-1000:]


def drain_by_signal(node):
    node.child.signal(signal.SIGTERM)
    wait_until(lambda: node.log_lines("draining: no new work is taken"), 5, "it drains")


# --- beginning and end ---

@pytest.mark.parametrize("role", ["origin", "edge"])
def test_the_api_begins_a_drain_and_tells_of_it(nodes, role):
    node = nodes(role, {**QUICK, "node.drain_notice": "1s", "registry.origins": "127.0.0.1:1"} if role == "edge"
                 else {**QUICK, "node.drain_notice": "1s"})
    if role == "edge":  # never ready, for it has no origin: the API answers all the same
        node.child = node.children.start(node.name, node.command())
        wait_until(lambda: node.log_lines("msg=ready "), 10, "the edge runs")
    else:
        node.start()
    assert node.api("drain") == {"state": "serving"}
    answer = post_drain(node, b'{"seconds": 15}')
    assert answer.status == 202
    told = answer.json()
    assert told["state"] == "draining" and 10000 < told["remaining_ms"] <= 15000
    assert set(told["left"]) == {"publishers", "viewers", "players", "subscriptions"}
    ready = web.request(node.http_port, "/readyz")
    assert ready.status == 503 and "draining" in ready.json()["missing"]
    assert ready.headers["connection"] == "close"
    assert web.request(node.http_port, "/healthz").status == 200
    assert node.metric("weir_draining") == 1
    own = [one for one in node.api("nodes")["nodes"] if one["id"] == node.name]
    assert own[0]["state"] == "draining"
    wait_drained(node)


def test_who_may_begin_a_drain_by_the_api(nodes):
    node = nodes("origin", QUICK).start()
    assert post_drain(node, Origin="http://evil.example").status == 403
    for field in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"):
        assert post_drain(node, **{field: "192.0.2.1"}).status == 403, "it came through a proxy"
    for body in (b"{", b"[]", b'{"seconds": "5"}', b'{"seconds": -1}', b'{"second": 5}', b'{"seconds": 1e9}'):
        assert post_drain(node, body).status == 400, body
    assert node.api("drain") == {"state": "serving"}
    other = nodes("origin", {**QUICK, "api.token": "sesame"}, name="other").start()
    assert post_drain(other).status == 401
    assert post_drain(other, Authorization="Bearer sesame2").status == 401
    assert other.api("drain") == {"state": "serving"}
    assert post_drain(other, Authorization="Bearer sesame", Origin="http://console.example").status == 202
    wait_drained(other)


def test_a_drain_has_a_limit_and_a_second_post_changes_it(nodes, clip_tags):
    node = nodes("origin", {**QUICK, "node.drain_publisher": "10m"}).start()
    with rtmp.Client(node.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        assert post_drain(node, b'{"seconds": 600}').status == 202
        wait_until(lambda: node.api("drain")["left"]["publishers"] == 1, 5, "it counts its publisher")
        assert post_drain(node, b'{"seconds": 1}').json()["remaining_ms"] <= 1000
        assert client.wait_status(5 * SLOW)["code"] == "NetStream.Unpublish.Success", "closed before the limit"
        wait_drained(node, reason="")


@pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGTERM, signal.SIGTERM], [signal.SIGTERM, signal.SIGINT]])
def test_an_impatient_operator_ends_it_at_once(nodes, signals):
    node = nodes("origin", {"node.drain": "10m", "node.drain_publisher": "10m"}).start()
    with rtmp.Client(node.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        for number in signals[:-1]:
            node.child.signal(number)
            wait_until(lambda: node.log_lines("draining"), 5, "it drains")
        node.ended = True
        node.child.signal(signals[-1])
        assert node.child.wait(10) == 0


def test_sigterm_in_a_drain_of_the_api_is_no_second_one(nodes):
    """An orchestrator calls the API before it sends the signal."""
    node = nodes("origin", {**QUICK, "node.drain_notice": "2s"}).start()
    assert post_drain(node).status == 202
    node.child.signal(signal.SIGTERM)
    wait_drained(node)


# --- publishers ---

def test_new_work_is_refused_with_a_clear_status(cluster, encoder):
    made = cluster(origin={**QUICK, "node.drain_publisher": "10m"}, edge={**QUICK_EDGE, "node.drain_viewer": "10m"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer, rtmp.Client(made.edge.rtmp_port) as late_viewer, \
            rtmp.Client(made.origin.rtmp_port) as late:
        viewer.play("cam1").next_frame(10)
        for node in (made.origin, made.edge):
            drain_by_signal(node)
        assert late.publish("cam2") == "NetStream.Publish.Failed"
        assert "draining" in late.statuses[-1]["description"]
        late_viewer.play("cam1")
        refusal = late_viewer.wait_status(5)
        assert refusal["code"] == "NetStream.Play.Failed" and "draining" in refusal["description"]
        flv_refusal = web.request(made.edge.http_port, "/live/cam1.flv")
        assert flv_refusal.status == 503 and flv_refusal.headers["retry-after"] == "1"
        assert flv_refusal.json()["error"]["code"] == "draining"
        viewer.next_frame(10)  # who is there goes on
    for node in (made.edge, made.origin):
        node.terminate()


@pytest.mark.parametrize("redirect", ["", "rtmp://other.example:1935"])
def test_publishers_that_can_are_asked_to_reconnect_and_all_are_closed_at_the_bound(nodes, clip_tags, redirect):
    node = nodes("origin", {**QUICK, "node.drain_redirect": redirect}).start()
    with rtmp.Client(node.rtmp_port) as able, rtmp.Client(node.rtmp_port) as old:
        assert able.publish("able", capsEx=1.0) == "NetStream.Publish.Start"
        assert int(able.connect_result["capsEx"]) & 1
        assert old.publish("old") == "NetStream.Publish.Start"
        for client in (able, old):
            for tag in clip_tags[:30]:
                client.send_tag(tag)
        began = time.monotonic()
        drain_by_signal(node)
        asked = able.wait_status(5 * SLOW)
        assert asked["code"] == RECONNECT and asked["level"] == "status"
        assert asked.get("tcUrl") == (f"{redirect}/live" if redirect else None)
        for client in (able, old):
            ended = client.wait_status(10 * SLOW)
            assert ended["code"] == "NetStream.Unpublish.Success" and "draining" in ended["description"]
            assert time.monotonic() - began > 0.9
            with pytest.raises(rtmp.Closed):
                client.read_message(5)
        wait_drained(node)
        assert RECONNECT not in [status["code"] for status in old.statuses]


def video_payloads(tags):
    return [tag.payload for tag in tags if tag.type == flv.VIDEO and tag.is_frame()]


def read_in_order(viewer, clip, until, timeout=30):
    """Reads video frames, which must be the clip's, one after the other, until the condition holds, and two GOPs more.
    Returns the longest time between two."""
    deadline, known, last, longest, more = time.monotonic() + timeout * SLOW, None, None, 0, None
    while more is None or more > 0:
        assert time.monotonic() < deadline, "the condition did not come true"
        frame = viewer.next_frame(10 * SLOW, wanted=lambda tag: tag.type == flv.VIDEO and tag.is_frame())
        index = clip.index(frame.payload)
        assert known is None or index == (known + 1) % len(clip), f"frame {known} is followed by {index}"
        longest = max(longest, frame.arrival - last) if last else 0
        known, last = index, frame.arrival
        if more is not None:
            more -= 1
        elif index % 10 == 0 and until():
            more = 60
    return longest


@pytest.mark.parametrize("registry,workers", [("static", 1), ("redis", 1), ("redis", 2)])
def test_an_encoder_at_an_edge_does_not_notice_that_its_origin_drains_and_no_frame_is_lost(
        nodes, redis_cluster, encoder, clip_tags, registry, workers):
    if registry == "redis":
        made = redis_cluster(workers=workers, edges=1, origin=QUICK, edge=QUICK_EDGE)
        origins, edge = made.origins, made.edges[0]
    else:
        origins = [nodes("origin", QUICK, name=f"origin{i}").start() for i in (1, 2)]
        edge = nodes("edge", {**QUICK_EDGE, "registry.origins": ",".join(one.relay for one in origins)}).start()
        wait_until(lambda: [one["state"] for one in edge.api("nodes")["nodes"]].count("up") == 3, 10, "linked")
    source = encoder(edge.rtmp_port)
    clip = video_payloads(clip_tags)
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1").next_frame(10)
        first = next(one for one in origins if one.api("streams")["streams"])
        other = next(one for one in origins if one is not first)
        drain_by_signal(first)
        longest = read_in_order(viewer, clip, lambda: edge.metric("weir_publishes_moved_total") == 1)
        print(f"longest time between two frames at the viewer: {1000 * longest:.0f} ms")
        assert [status["code"] for status in viewer.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]
        wait_drained(first)
        assert other.api("streams/live/cam1")["state"] == "live"
        assert len(source.answers) == 1 and not source.failures, "the encoder stays connected"
        viewer.next_frame(10)


def test_an_encoder_at_an_edge_does_not_notice_that_its_origin_is_killed(nodes, encoder):
    origins = [nodes("origin", name=f"origin{i}").start() for i in (1, 2)]
    edge = nodes("edge", {"registry.origins": ",".join(one.relay for one in origins)}).start()
    wait_until(lambda: [one["state"] for one in edge.api("nodes")["nodes"]].count("up") == 3, 10, "linked")
    source = encoder(edge.rtmp_port)
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1").next_frame(10)
        first = next(one for one in origins if one.api("streams")["streams"])
        first.kill()
        killed = time.monotonic()
        frame = viewer.next_frame(10)
        while frame.arrival < killed + 0.2:
            frame = viewer.next_frame(10 * SLOW)
        print(f"frames again {1000 * (frame.arrival - killed):.0f} ms after the kill")
        assert edge.metric("weir_publishes_moved_total") == 1
        assert len(source.answers) == 1 and not source.failures


def test_an_encoder_is_told_when_no_origin_is_left(cluster, clip_tags):
    made = cluster()
    with rtmp.Client(made.edge.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        for tag in clip_tags[:20]:
            client.send_tag(tag)
        made.origin.wait_metric("weir_publishers", 1)
        made.origin.kill()
        wait_until(lambda: made.edge.log_lines("relay link is down"), 10, "the edge sees it")
        for tag in clip_tags:
            client.send_tag(tag)
        refusal = client.wait_status(15 * SLOW)
        assert refusal["code"] == "NetStream.Publish.Failed" and "no other takes it" in refusal["description"]


def test_an_encoder_that_reconnects_through_a_balancer_goes_on_at_another_origin(redis_cluster, encoder, children):
    """The encoder knows nothing of draining: it is closed, connects again, and the same run goes on."""
    made = redis_cluster(edges=1, origin=QUICK, edge=QUICK_EDGE)
    source = encoder(made.origins[0].rtmp_port, retry=True)
    with rtmp.Client(made.edges[0].rtmp_port) as viewer:
        before = viewer.play("cam1").next_frame(10)
        run = made.origins[0].api("streams/live/cam1")["run"]
        drain_by_signal(made.origins[0])
        source.port = made.origins[1].rtmp_port  # as the balancer chooses from now on
        wait_drained(made.origins[0])
        wait_until(lambda: len(source.first_frame_at) == 2, 10, "it publishes at the other origin")
        frame = viewer.next_frame(10 * SLOW)
        while frame.arrival < source.first_frame_at[1]:
            frame = viewer.next_frame(10 * SLOW)
        assert frame.timestamp > before.timestamp
        assert made.origins[1].api("streams/live/cam1")["run"] == run
        assert source.answers == ["NetStream.Publish.Start"] * 2


# --- viewers ---

def test_viewers_are_closed_at_a_keyframe_and_those_who_can_are_asked_first(cluster, encoder):
    made = cluster(edge=QUICK_EDGE)
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as able, rtmp.Client(made.edge.rtmp_port) as old, \
            RawConnection(made.edge.http_port, timeout=20 * SLOW) as http:
        first = {one: one.next_frame(10, wanted=flv.Tag.is_keyframe)
                 for one in (able.play("cam1", capsEx=1.0), old.play("cam1"))}
        http.send(b"GET /live/cam1.flv HTTP/1.0\r\n\r\n")
        made.edge.wait_metric('weir_viewers{protocol="flv"}', 1)
        drain_by_signal(made.edge)
        gops = []
        for viewer in (able, old):
            frames = [first[viewer]]
            with pytest.raises(rtmp.Closed):
                while True:
                    frames.append(viewer.next_frame(20 * SLOW, wanted=lambda tag: tag.type == flv.VIDEO and tag.is_frame()))
            last_key = max(i for i, frame in enumerate(frames) if frame.tag().is_keyframe())
            gops.append(len(frames) - last_key)
            assert viewer.statuses[-1]["code"] == "NetStream.Play.Stop"
            assert "UnpublishNotify" not in str(viewer.statuses)
        assert gops[0] == gops[1] and gops[0] > 10, "whole groups of pictures, up to the same keyframe"
        assert [status["code"] for status in able.statuses].count(RECONNECT) == 1
        assert RECONNECT not in [status["code"] for status in old.statuses]
        with pytest.raises(ConnectionError):
            while True:
                http._more()
        tags = list(flv.Reader().feed(http.buffer.split(b"\r\n\r\n", 1)[1]))
        pictures = [tag for tag in tags if tag.type == flv.VIDEO and tag.is_frame()]
        last_key = max(i for i, tag in enumerate(pictures) if tag.is_keyframe())
        assert len(pictures) - last_key == gops[0]
    wait_drained(made.edge)


def test_a_viewer_whose_keyframe_never_comes_is_closed_all_the_same(cluster, clip_tags):
    made = cluster(edge={**QUICK_EDGE, "node.drain": "30s"})
    with rtmp.Client(made.origin.rtmp_port) as publisher, rtmp.Client(made.edge.rtmp_port) as viewer:
        assert publisher.publish("cam1") == "NetStream.Publish.Start"
        for tag in clip_tags[:60]:
            publisher.send_tag(tag)
        viewer.play("cam1").next_frame(10)
        drain_by_signal(made.edge)
        with pytest.raises(rtmp.Closed):
            while True:
                viewer.read_message(20 * SLOW)
        assert viewer.statuses[-1]["code"] == "NetStream.Play.Stop"
    wait_drained(made.edge)


def test_players_of_hls_notice_nothing_and_new_ones_are_sent_elsewhere(cluster, encoder):
    made = cluster(edge=QUICK_EDGE)
    encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    playlist = player.media(path)
    with RawConnection(made.edge.http_port, timeout=20 * SLOW) as kept:
        kept.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert "connection" not in kept.answer().headers
        drain_by_signal(made.edge)
        newest = playlist.last
        for step in range(1, 4):  # blocked reloads
            playlist = player.media(path, f"_HLS_msn={newest + step}")
            assert playlist.last >= newest + step
            assert player.fetch(path, playlist.segments[-1].uri)
        kept.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = kept.answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        assert kept.closed_by_peer()
        for url in (player.root, "/live/cam1/manifest.mpd", path.split("?")[0]):
            refused = web.request(made.edge.http_port, url, headers={"User-Agent": "new"})
            assert refused.status == 503 and refused.headers["retry-after"] == "1", url
        assert made.edge.api("drain")["left"]["players"] == 1
    wait_drained(made.edge, 20)


def test_a_client_of_http2_is_told_by_goaway_and_what_it_has_open_is_answered(cluster, encoder, children):
    made = cluster(edge={**QUICK_EDGE, "node.drain_notice": "2s"})
    encoder(made.origin.rtmp_port)
    hls.Player(made.edge).tracks()
    viewer = children.start("nghttp", ["nghttp", "-v", f"http://127.0.0.1:{made.edge.http_port}/live/cam1.flv"],
                            stdout=subprocess.DEVNULL)
    made.edge.wait_metric('weir_viewers{protocol="flv"}', 1)
    drain_by_signal(made.edge)
    assert viewer.wait(20) == 0
    wait_drained(made.edge)


def test_an_edge_below_moves_from_a_draining_edge_without_a_gap(nodes, encoder, clip_tags):
    origin = nodes("origin").start()
    parents = [nodes("edge", {**QUICK_EDGE, "registry.origins": origin.relay}, name=f"parent{i}").start() for i in (1, 2)]
    child = nodes("edge", {"registry.origins": ",".join(one.relay for one in parents)}, name="child").start()
    wait_until(lambda: [one["state"] for one in child.api("nodes")["nodes"]].count("up") == 3, 10, "linked")
    encoder(origin.rtmp_port)
    clip = video_payloads(clip_tags)
    with rtmp.Client(child.rtmp_port) as viewer:
        viewer.play("cam1").next_frame(10)
        first = next(one for one in parents if child.api("streams/live/cam1")["upstream"]["origin"] == one.name)
        other = next(one for one in parents if one is not first)
        drain_by_signal(first)
        read_in_order(viewer, clip, lambda: child.api("streams/live/cam1")["upstream"]["origin"] == other.name)
        wait_drained(first)
        viewer.next_frame(10)


def test_the_json_of_the_nodes_state_stays_readable_while_it_drains(nodes, clip_tags):
    node = nodes("origin", {**QUICK, "node.drain_publisher": "10m", "node.workers": 2}).start()
    with rtmp.Client(node.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start"
        drain_by_signal(node)
        wait_until(lambda: node.api("drain")["left"] == {"publishers": 1, "viewers": 0, "players": 0, "subscriptions": 0},
                   5, "both workers have counted")
        assert json.dumps(node.api("streams"))
    wait_drained(node)
