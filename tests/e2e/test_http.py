"""What a node tells of itself over HTTP, and how it speaks HTTP."""
import json
import re

import flv
import pytest
import rtmp
import web
from process import wait_until

HELP = re.compile(r"^# HELP ([a-z_]+) \S.*$")
TYPE = re.compile(r"^# TYPE ([a-z_]+) (counter|gauge|histogram)$")
SAMPLE = re.compile(r'^([a-z_]+)(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? -?[0-9.e+]+$')


@pytest.fixture(params=["origin", "edge"])
def node(request, cluster):
    return getattr(cluster(), request.param)


def test_health_and_readiness(node):
    assert web.request(node.http_port, "/healthz").json() == {"ok": True}
    answer = web.request(node.http_port, "/readyz")
    assert answer.status == 200
    assert answer.json() == {"ready": True, "missing": [], "warnings": []}


def test_an_edge_without_its_origin_is_not_ready_and_says_why(cluster):
    made = cluster()
    made.origin.kill()
    wait_until(lambda: web.request(made.edge.http_port, "/readyz").status == 503, 10, "the edge misses its origin")
    answer = web.request(made.edge.http_port, "/readyz").json()
    assert answer["ready"] is False
    assert answer["missing"] == ["no link to an origin is up"]
    assert web.request(made.edge.http_port, "/healthz").status == 200
    made.origin.start()
    wait_until(made.edge.is_ready, 10, "the edge is ready again")


def test_metrics_are_in_prometheus_text_format(node):
    answer = web.request(node.http_port, "/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.body.endswith(b"\n")
    families, current = {}, None
    for line in answer.text().splitlines():
        if HELP.match(line):
            current = HELP.match(line).group(1)
            assert current not in families, f"{current} stands together, once"
            families[current] = None
        elif TYPE.match(line):
            name, kind = TYPE.match(line).groups()
            assert name == current
            families[name] = kind
        else:
            match = SAMPLE.match(line)
            assert match, line
            assert match.group(1) == current and families[current], line
            assert (families[current] == "counter") == current.endswith("_total"), line
    assert {"weir_streams", "weir_viewers", "weir_connections_accepted_total"} <= set(families)


def test_head_answers_as_get_does_but_without_a_body(node):
    with web.RawConnection(node.http_port) as connection:
        connection.send(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head = connection.answer(head_only=True)
        get = connection.answer()
        assert (head.status, get.status) == (200, 200)
        assert head.headers == get.headers
        assert json.loads(get.body)["ok"] is True


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/live", "/api/v1/streams/live/nobody"])
def test_what_is_not_there_is_404_with_a_reason(node, path):
    answer = web.request(node.http_port, path)
    assert answer.status == 404
    error = answer.json()["error"]
    assert set(error) == {"code", "message"} and error["message"]


def test_a_stream_that_nobody_publishes_is_404_after_the_wait(cluster):
    made = cluster(edge={"edge.wait_publish": "1s"})
    answer = web.request(made.edge.http_port, "/live/nobody.flv")
    assert answer.status == 404
    assert answer.json()["error"]["message"]


def test_other_methods_are_refused_with_what_is_allowed(node):
    answer = web.request(node.http_port, "/healthz", "POST")
    assert answer.status == 405
    assert "GET" in answer.headers["allow"] and "HEAD" in answer.headers["allow"]


def test_any_web_page_may_ask(node):
    assert web.request(node.http_port, "/healthz").headers["access-control-allow-origin"] == "*"
    assert web.request(node.http_port, "/nothing").headers["access-control-allow-origin"] == "*"
    preflight = web.request(node.http_port, "/api/v1/streams", "OPTIONS",
                            {"Origin": "http://page", "Access-Control-Request-Method": "GET"})
    assert preflight.status == 204
    assert "GET" in preflight.headers["access-control-allow-methods"]


def test_connections_are_kept_and_requests_may_be_pipelined(node):
    with web.RawConnection(node.http_port) as connection:
        connection.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 5)
        for _ in range(5):
            assert connection.answer().status == 200
        connection.send(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert connection.answer().status == 200
        assert connection.closed_by_peer()


def test_http_1_0_closes_after_the_answer(node):
    with web.RawConnection(node.http_port) as connection:
        connection.send(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert connection.answer().status == 200
        assert connection.closed_by_peer()


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET\r\n\r\n",
                                     b"GET / HTTP/1.1\r\nno colon here\r\n\r\n", b"GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_what_is_not_http_is_refused_and_closed(node, garbage):
    with web.RawConnection(node.http_port) as connection:
        connection.send(garbage)
        assert connection.answer().status == 400
    node.wait_log(r'msg="http request refused" .*remote=127\.0\.0\.1:\d+ status=400 code=\w+ reason="\w')


def test_a_head_that_is_too_large_is_431(cluster):
    made = cluster(origin={"http.max_header": "2KiB"})
    answer = web.request(made.origin.http_port, "/healthz", headers={"X-Long": "a" * 4000})
    assert answer.status == 431


def test_a_head_that_does_not_come_is_closed(cluster):
    made = cluster(origin={"http.header_timeout": "300ms"})
    with web.RawConnection(made.origin.http_port, timeout=10) as connection:
        connection.send(b"GET /healthz HT")
        try:
            assert connection.answer().status == 408
        except ConnectionError:
            pass  # closed without a word is as good
        assert connection.closed_by_peer()


def test_streams_and_sessions_are_listed_while_they_live(cluster, encoder):
    made = cluster(workers=2)
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer, web.RawConnection(made.edge.http_port) as watcher:
        viewer.play("cam1")
        viewer.next_frame(10)
        watcher.send(b"GET /live/cam1.flv HTTP/1.1\r\nHost: x\r\n\r\n")
        made.edge.wait_metric('weir_viewers{protocol="flv"}', 1)
        for node in (made.origin, made.edge):
            listed = node.api("streams")["streams"]
            assert [stream["name"] for stream in listed] == ["live/cam1"]
            one = node.api("streams/live/cam1")
            assert one["state"] == "live" and int(one["epoch"]) > 0
            assert {track["codec"] for track in one["tracks"]} == {"avc1", "mp4a"}
            video = next(track for track in one["tracks"] if track["kind"] == "video")
            assert (video["width"], video["height"]) == (320, 180)
        assert made.origin.api("streams/live/cam1")["epoch"] == made.edge.api("streams/live/cam1")["epoch"]
        publisher, = made.origin.api("sessions")["sessions"]
        assert publisher["stream"] == "live/cam1" and publisher["protocol"] == "rtmp"
        sessions = made.edge.api("sessions")["sessions"]
        assert sorted(session["protocol"] for session in sessions) == ["flv", "rtmp"]
        assert len({session["id"] for session in sessions}) == 2
        assert all(session["remote"].startswith("127.0.0.1") for session in sessions)
    wait_until(lambda: made.edge.api("sessions")["sessions"] == [], 5, "the sessions are gone")


@pytest.mark.parametrize("path", ["/live/cam1.flv", "/live/cam1.ts"])
def test_a_viewer_behind_a_proxy_of_ours_is_listed_by_its_own_address(cluster, encoder, path):
    made = cluster(edge={"http.trusted_proxies": "1"})
    encoder(made.origin.rtmp_port)
    with web.RawConnection(made.edge.http_port) as viewer, web.RawConnection(made.edge.http_port) as direct:
        viewer.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 10.0.0.1, 192.0.2.7\r\n\r\n".encode())
        direct.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

        def addresses():
            sessions = made.edge.api("sessions")["sessions"]
            return sorted(one["remote"].split(":")[0] for one in sessions if one["state"] == "playing")
        wait_until(lambda: addresses() == ["127.0.0.1", "192.0.2.7"], 10, "both are listed")
    wait_until(lambda: any("remote=192.0.2.7" in line for line in made.edge.log_lines("http viewer left")), 5, "the log says so too")


def test_nodes_are_listed_on_both_sides(cluster):
    made = cluster(workers=2)
    for node in (made.origin, made.edge):
        listed = {(one["id"], one["role"]): one["state"] for one in node.api("nodes")["nodes"]}
        assert listed[("origin", "origin")] == "up"
        assert listed[("edge", "edge")] == "up"


def test_flv_over_http_begins_with_a_header_and_configurations(cluster, encoder):
    made = cluster()
    encoder(made.origin.rtmp_port)
    with web.RawConnection(made.edge.http_port, timeout=10) as connection:
        # HTTP/1.0: no chunks, the body lasts as long as the connection.
        connection.send(b"GET /live/cam1.flv HTTP/1.0\r\n\r\n")
        answer = connection.answer()
        assert answer.status == 200
        assert answer.headers["content-type"] == "video/x-flv"
        reader, tags = flv.Reader(), []
        while not any(tag.is_keyframe() for tag in tags):
            tags += reader.feed(connection.buffer)
            connection.buffer = connection.socket.recv(65536)
        assert reader.kinds == {flv.VIDEO, flv.AUDIO}
        first_frame = next(i for i, tag in enumerate(tags) if tag.is_frame())
        assert any(tag.is_video_config() for tag in tags[:first_frame])
        assert any(tag.is_audio_config() for tag in tags[:first_frame])
