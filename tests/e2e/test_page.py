"""What an edge serves for the page to watch: files from memory, the list of what is live, the time of day."""
import gzip
import time
from datetime import datetime, timezone

import media
import pytest
import web
from process import wait_until

NAMES = "/api/v1/live"


def live(node):
    return [stream["name"] for stream in web.request(node.http_port, NAMES).json()["live"]]


@pytest.fixture
def folder(tmp_path):
    """A page of one's own."""
    made = tmp_path / "page"
    made.mkdir()
    (made / "index.html").write_text("<!doctype html><title>player</title>" + " " * 300)
    (made / "list.html").write_text("<!doctype html><title>list</title>")
    (made / "player.js").write_text("// " + "x" * 1000)
    (made / "secret.key").write_text("not for the web")
    return made


def test_pages_and_files_come_with_a_tag_and_compressed(cluster, folder):
    edge = cluster(edge={"player.dir": folder}).edge
    for path, name in (("/", "list.html"), ("/live/cam1/", "index.html"), ("/player/player.js", "player.js")):
        plain = web.request(edge.http_port, path)
        assert plain.status == 200 and plain.body == (folder / name).read_bytes()
        assert "default-src 'self'" in plain.headers["content-security-policy"]
        assert plain.headers["cache-control"] == "no-cache"
        known = {"If-None-Match": plain.headers["etag"]}
        assert web.request(edge.http_port, path, headers=known).status == 304
    packed = web.request(edge.http_port, "/player/player.js", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.headers["etag"] != plain.headers["etag"]
    assert gzip.decompress(packed.body) == plain.body
    assert web.request(edge.http_port, "/player/player.js", headers={"If-None-Match": packed.headers["etag"]}).status == 304


def test_only_files_for_the_web_are_served_and_only_those_of_the_folder(cluster, folder):
    edge = cluster(edge={"player.dir": folder}).edge
    for path in ("/player/secret.key", "/player/none.js", "/player/..%2findex.html", "/player/%2e%2e/x"):
        assert web.request(edge.http_port, path).status in (400, 404), path


def test_files_are_read_once_and_served_on_when_the_folder_is_gone(cluster, folder):
    edge = cluster(edge={"player.dir": folder}).edge
    (folder / "player.js").unlink()
    assert web.request(edge.http_port, "/player/player.js").status == 200


def test_without_its_files_the_edge_warns_and_says_what_to_do(cluster, tmp_path):
    edge = cluster(edge={"player.dir": tmp_path / "nowhere"}).edge
    edge.wait_log("the page to watch is not served")
    answer = web.request(edge.http_port, "/live/cam1/")
    assert answer.status == 404 and answer.json()["error"]["code"] == "page_missing"
    assert web.request(edge.http_port, "/time").status == 200


def test_an_address_without_its_slash_leads_browsers_and_nobody_else(cluster):
    edge = cluster().edge
    answer = web.request(edge.http_port, "/live/cam1?protocol=flv", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status, answer.headers["location"]) == (308, "./cam1/?protocol=flv")
    assert web.request(edge.http_port, "/live/cam1").status == 404
    assert web.request(edge.http_port, "/api/v1", headers={"Accept": "text/html"}).status == 404
    assert web.request(edge.http_port, "/api/v1/").status == 404


def test_the_time_is_told_to_the_millisecond_and_never_cached(cluster):
    edge = cluster().edge
    before = time.time()
    answer = web.request(edge.http_port, "/time")
    told = datetime.strptime(answer.text().strip(), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()
    assert before - 0.1 <= told <= time.time() + 0.1
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_live_is_listed_though_nobody_watches_and_not_any_more_when_it_is_over(cluster, children, workers):
    made = cluster(workers=workers, origin={"stream.grace": "1s"})
    assert live(made.edge) == []
    encoder = media.ffmpeg_publish(children, made.origin.rtmp())
    wait_until(lambda: live(made.edge) == ["live/cam1"], 10, "the name is listed")
    encoder.stop()
    wait_until(lambda: live(made.edge) == [], 20, "it is not listed any more")


def test_an_edge_that_starts_later_is_told_what_is_live(cluster, nodes, children, encoder):
    made = cluster(workers=2)
    encoder(made.origin.rtmp_port)
    wait_until(lambda: live(made.edge) == ["live/cam1"], 10, "the name is listed")
    later = nodes("edge", {"registry.origins": made.origin.relay}, name="later").start()
    wait_until(lambda: live(later) == ["live/cam1"], 10, "the later edge lists it")
    below = nodes("edge", {"registry.origins": later.relay}, name="below").start()
    wait_until(lambda: live(below) == ["live/cam1"], 10, "the edge below that lists it")


def test_an_edge_says_how_old_the_newest_frame_is(cluster, encoder):
    made = cluster()
    encoder(made.origin.rtmp_port)
    with web.RawConnection(made.edge.http_port) as viewer:
        viewer.socket.sendall(b"GET /live/cam1.flv HTTP/1.1\r\nHost: x\r\n\r\n")
        viewer.socket.recv(1)
        ages = [made.edge.api("streams/live/cam1")["behind_ms"] for _ in range(20)]
        assert all(0 <= age < 2000 for age in ages)
