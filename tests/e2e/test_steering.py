"""Content steering: players are told of other edges, and what to prefer."""
import xml.etree.ElementTree as ET

import hls
import pytest
import web
from process import wait_until
from steering import steer
from weir import run_program

INDEX, MANIFEST, STEERING = (f"/live/cam1/{name}" for name in ("index.m3u8", "manifest.mpd", "steering.json"))
MPD = "{urn:mpeg:dash:schema:mpd:2011}"


@pytest.fixture
def two(cluster, encoder):
    made = cluster(edges=2, origin={"package.segment": "1s", "package.part": "200ms"})
    steer(made.edges)
    encoder(made.origin.rtmp_port)
    return made


def lines(text, tag):
    return [hls.attributes(line.partition(":")[2]) for line in text.splitlines() if line.startswith(f"{tag}:")]


def test_it_is_off_by_default(cluster, encoder):
    made = cluster()
    encoder(made.origin.rtmp_port)
    text = web.request(made.edge.http_port, INDEX, timeout=20).text()
    assert "STEERING" not in text and "PATHWAY" not in text
    answer = web.request(made.edge.http_port, STEERING)
    assert answer.status == 404 and answer.json()["error"]["code"] == "steering_off"


def test_the_playlist_leads_to_the_other_edge(two):
    first, second = two.edges
    text = web.request(first.http_port, INDEX, timeout=20).text()
    steering, = lines(text, "#EXT-X-CONTENT-STEERING")
    variant, = lines(text, "#EXT-X-STREAM-INF")
    sound, = lines(text, "#EXT-X-MEDIA")
    assert steering["PATHWAY-ID"] == variant["PATHWAY-ID"] == "edge"
    manifest = web.request(first.http_port, f"/live/cam1/{steering['SERVER-URI']}").json()
    assert manifest["VERSION"] == 1 and manifest["TTL"] > 0
    assert manifest["PATHWAY-PRIORITY"] == ["edge", "edge2"], "who is here stays here"
    clone, = manifest["PATHWAY-CLONES"]
    assert clone["BASE-ID"] == "edge" and clone["ID"] == "edge2"
    uris = clone["URI-REPLACEMENT"]
    media = uris["PER-VARIANT-URIS"][variant["STABLE-VARIANT-ID"]]
    key = steering["SERVER-URI"].partition("session=")[2]
    assert media == f"http://127.0.0.1:{second.http_port}/live/cam1/v/index.m3u8?session={key}"
    assert uris["PER-RENDITION-URIS"][sound["STABLE-RENDITION-ID"]].startswith(f"http://127.0.0.1:{second.http_port}/")
    there = hls.Player(second).media(media.partition(str(second.http_port))[2])
    assert there.segments or there.open_parts


def test_the_other_edge_steers_too_and_keeps_the_base(two):
    first, second = two.edges
    key = "0123456789abcdef" * 2
    web.request(second.http_port, INDEX, timeout=20)
    manifest = web.request(second.http_port, f"{STEERING}?pathway=edge&session={key}").json()
    assert manifest.get("PATHWAY-PRIORITY") == ["edge2", "edge"], manifest
    assert manifest["RELOAD-URI"] == f"steering.json?pathway=edge&session={key}"
    assert [clone["ID"] for clone in manifest["PATHWAY-CLONES"]] == ["edge2"], "the player has the other's URIs"


def test_the_manifest_lists_both_edges(two):
    first, second = two.edges
    mpd = ET.fromstring(web.request(first.http_port, MANIFEST, timeout=20).body)
    bases = {one.get("serviceLocation"): one.text for one in mpd.findall(f"{MPD}BaseURL")}
    assert bases == {"edge": "./", "edge2": f"http://127.0.0.1:{second.http_port}/live/cam1/"}
    assert {one.get("serviceLocation") for one in mpd.findall(f"{MPD}Location")} == {"edge", "edge2"}
    assert mpd.find(f"{MPD}ContentSteering").get("defaultServiceLocation") == "edge"


def test_an_edge_that_drains_sends_its_players_elsewhere(two, children):
    first, second = two.edges
    children.start("viewer", ["curl", "-s", "-o", "/dev/null", first.flv()])  # by whom the edge does not end at once
    first.wait_metric('weir_viewers{protocol="flv"}', 1, 20)
    assert web.request(first.http_port, MANIFEST, timeout=20).status == 200  # one that watches already
    assert web.request(first.http_port, "/api/v1/drain", "POST", body=b'{"seconds": 20}').status in (200, 202)
    first.ended = True
    manifest = web.request(first.http_port, STEERING).json()
    assert manifest.get("PATHWAY-PRIORITY") == ["edge2", "edge"], manifest
    assert manifest["RELOAD-URI"] == f"http://127.0.0.1:{second.http_port}/live/cam1/steering.json?pathway=edge"

    def preferred():
        mpd = ET.fromstring(web.request(first.http_port, MANIFEST).body)
        return mpd.find(f"{MPD}ContentSteering").get("defaultServiceLocation")

    wait_until(lambda: preferred() == "edge2", 5, "the MPD is written anew")
    assert first.child.wait(40) == 0


def steering(edge, key=""):
    return web.request(edge.http_port, f"{STEERING}?session={key}" if key else STEERING, timeout=20).json()


def bases(edge):
    """{pathway: address} of the MPD."""
    mpd = ET.fromstring(web.request(edge.http_port, MANIFEST, timeout=20).body)
    return {one.get("serviceLocation"): one.text for one in mpd.findall(f"{MPD}BaseURL")}


@pytest.fixture
def mapped(redis_cluster, encoder):
    """Two edges that know each other by the map alone."""
    made = redis_cluster(origins=1, origin={"package.segment": "1s", "package.part": "200ms"},
                         edge={"edge.steering": "true", "node.region": "near"})
    encoder(made.origins[0].rtmp_port)
    return made


def test_edges_are_found_in_the_map(mapped):
    first, second = mapped.edges
    text = web.request(first.http_port, INDEX, timeout=20).text()
    variant, = lines(text, "#EXT-X-STREAM-INF")
    wait_until(lambda: steering(first)["PATHWAY-PRIORITY"] == ["edge1", "edge2"], 10, "each other")
    clone, = steering(first)["PATHWAY-CLONES"]
    assert clone["ID"] == "edge2" and variant["PATHWAY-ID"] == "edge1"
    there = clone["URI-REPLACEMENT"]["PER-VARIANT-URIS"][variant["STABLE-VARIANT-ID"]]
    assert there.startswith(f"http://127.0.0.1:{second.http_port}/live/cam1/v/")
    playlist = hls.Player(second).media(there.partition(str(second.http_port))[2])
    assert playlist.segments or playlist.open_parts
    wait_until(lambda: bases(first) == {"edge1": "./", "edge2": f"http://127.0.0.1:{second.http_port}/live/cam1/"}, 10,
               "the MPD is written anew")
    assert steering(second)["PATHWAY-PRIORITY"] == ["edge2", "edge1"]


def test_the_map_says_who_comes_who_drains_and_who_is_gone(mapped, nodes, children):
    first, second = mapped.edges
    others = {name: nodes("edge", {**second.settings, "node.region": region}, name=name).start()
              for name, region in (("remote", "far"), ("third", "near"))}
    wait_until(lambda: len(steering(first)["PATHWAY-PRIORITY"]) == 4, 10, "all are listed")
    ranked = steering(first)["PATHWAY-PRIORITY"]
    assert ranked[0] == "edge1" and sorted(ranked[1:3]) == ["edge2", "third"] and ranked[3] == "remote", "those of its region first"
    seconds = {steering(first, f"{key:032x}")["PATHWAY-PRIORITY"][1] for key in range(16)}
    assert seconds == {"edge2", "third"}, "a dead edge's players spread"
    children.start("viewer", ["curl", "-s", "-o", "/dev/null", second.flv()])  # by whom the edge does not end at once
    second.wait_metric('weir_viewers{protocol="flv"}', 1, 20)
    assert web.request(second.http_port, "/api/v1/drain", "POST", body=b'{"seconds": 20}').status in (200, 202)
    second.ended = True
    wait_until(lambda: steering(first)["PATHWAY-PRIORITY"] == ["edge1", "third", "remote", "edge2"], 10, "who drains stands last")
    others["third"].kill()
    wait_until(lambda: "third" not in steering(first)["PATHWAY-PRIORITY"], 20, "who is gone is forgotten")
    wait_until(lambda: "third" not in bases(first), 10, "by the MPD too")
    assert [one["ID"] for one in steering(first)["PATHWAY-CLONES"]] == steering(first)["PATHWAY-PRIORITY"][1:]
    assert second.child.wait(40) == 0
    mapped.redis.stop()
    assert steering(first)["PATHWAY-PRIORITY"][0] == "edge1" and steering(first)["PATHWAY-CLONES"], "Redis may be away"


def test_who_waits_for_a_stream_is_steered_once_it_is_there(two):
    answer = web.request(two.edge.http_port, "/live/nobody/steering.json", timeout=30)
    assert answer.status == 404 and answer.json()["error"]["code"] == "stream_not_found"


@pytest.mark.parametrize("wrong", ["edge2", "=http://x", "edge2=x:8080", "edge2=http://x/", "a b=http://x", 'e="http://x'])
def test_pathways_that_lead_nowhere_are_refused(wrong):
    done = run_program("edge", "--check", "--set", f"edge.pathways={wrong}")
    assert done.returncode != 0 and "edge.pathways" in done.stderr + done.stdout and "ID=URL" in done.stderr + done.stdout


def test_pathways_may_be_any_address():
    done = run_program("edge", "--check", "--set", "edge.pathways=a=https://a.example.com:8443/cdn,b=http://[2001:db8::1]:8080")
    assert done.returncode == 0, done.stderr
