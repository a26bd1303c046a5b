"""DASH and low-latency DASH."""
import re
import socket
import time
import xml.etree.ElementTree as ET
from urllib.parse import urljoin

import flv
import hls
import media
import pytest
from process import wait_until

NS = {"d": "urn:mpeg:dash:schema:mpd:2011"}
MPD = "/live/cam1/manifest.mpd"


@pytest.fixture
def live(cluster, encoder):
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms", "stream.grace": "1s"},
                   edge={"stream.grace": "1s"})
    made.encoder = encoder(made.origin.rtmp_port)
    return made, hls.Player(made.edge)


def manifest(player):
    answer = player.get(MPD)
    assert answer.status == 200, answer
    assert answer.headers["content-type"] == "application/dash+xml"
    return ET.fromstring(answer.body)


def segments(mpd, kind):
    """[(start in ticks, start, duration, URL)] of the last period's first representation of that kind, in seconds."""
    period = mpd.findall("d:Period", NS)[-1]
    for one in period.findall("d:AdaptationSet", NS):
        if one.get("contentType") != kind:
            continue
        representation = one.find("d:Representation", NS)
        template = representation.find("d:SegmentTemplate", NS)
        template = template if template is not None else one.find("d:SegmentTemplate", NS)
        scale, at, found = int(template.get("timescale", 1)), 0, []
        assert template.get("startNumber") is None, "ffmpeg counts from 0, whatever it says"
        for step in template.find("d:SegmentTimeline", NS):
            at = int(step.get("t", at))
            for _ in range(int(step.get("r", 0)) + 1):
                url = template.get("media").replace("$Time$", str(at))
                url = url.replace("$RepresentationID$", representation.get("id"))
                found.append((at, at / scale, int(step.get("d")) / scale, urljoin(MPD, url)))
                at += int(step.get("d"))
        return found
    raise AssertionError(f"no {kind} in the MPD")


def test_the_manifest_says_what_low_latency_players_need(live):
    made, player = live
    mpd = manifest(player)
    assert mpd.get("type") == "dynamic"
    for name in ("availabilityStartTime", "publishTime", "minimumUpdatePeriod", "timeShiftBufferDepth",
                 "suggestedPresentationDelay"):
        assert mpd.get(name), name
    assert mpd.find("d:UTCTiming", NS) is not None
    assert mpd.find("d:ServiceDescription/d:Latency", NS) is not None
    text = ET.tostring(mpd, encoding="unicode")
    assert 'availabilityTimeComplete="false"' in text and "availabilityTimeOffset" in text
    assert "ProducerReferenceTime" in text
    assert {one.get("contentType") for one in mpd.iter(f"{{{NS['d']}}}AdaptationSet")} == {"video", "audio"}


def test_timelines_of_both_tracks_go_on_without_a_hole(live):
    made, player = live
    seen = {"video": {}, "audio": {}}

    def look():
        mpd = manifest(player)
        for kind, known in seen.items():
            for ticks, start, length, url in segments(mpd, kind)[:-2]:  # the open one and the one behind it are guesses
                assert known.setdefault(ticks, (start, length, url)) == (start, length, url)
        return len(seen["video"]) >= 5

    wait_until(look, 20, "five segments")
    for known in seen.values():
        in_order = [known[ticks] for ticks in sorted(known)]
        for (start, length, _), (then, _, _) in zip(in_order, in_order[1:]):
            assert start + length == pytest.approx(then, abs=0.0001)


def foreseen(player, kind):
    """The URL of a segment that has yet to begin: it stands behind the one that is being made."""
    return wait_until(lambda: len(segments(manifest(player), kind)) >= 4 and segments(manifest(player), kind)[-1][3], 20,
                      "so many segments that the next is foreseen")


def test_the_next_segment_is_announced_before_it_begins_and_comes_as_announced(live):
    made, player = live

    for kind in ("video", "audio"):
        url = foreseen(player, kind)
        answer = player.get(url)  # waits until it has begun, and for all of it
        assert answer.status == 200 and answer.body.startswith(b"\0\0\0") and b"moof" in answer.body
        assert "immutable" in answer.headers["cache-control"], "its name was right"
        wait_until(lambda: url in (one[3] for one in segments(manifest(player), kind)[:-2]), 10, "it is not the newest any more")
        assert player.get(url).body == answer.body


def test_a_segment_that_was_foreseen_is_empty_when_its_encoder_went_before_it(live, encoder):
    """Players who were told of it ask until they are answered: dash.js twenty times, and then it gives up playing."""
    made, player = live
    running = made.encoder
    for _ in range(5):
        urls = [foreseen(player, kind) for kind in ("video", "audio")]
        running.close()
        running = encoder(made.origin.rtmp_port)
        answers = [player.get(url) for url in urls]
        if not any(b"moof" in answer.body for answer in answers):  # else it had begun
            break
    for answer in answers:
        assert answer.status == 200 and answer.headers["cache-control"] == "no-store", answer
        assert answer.body[4:8] == b"styp" and int.from_bytes(answer.body[:4], "big") == len(answer.body)
    assert player.get(re.sub(r"t(\d+)", lambda found: f"t{int(found[1]) + 1}", urls[0])).status == 404


def test_a_segment_is_sent_as_it_grows(live):
    made, player = live
    url = foreseen(player, "video")
    with socket.create_connection(("127.0.0.1", made.edge.http_port), timeout=20) as connection:
        connection.sendall(f"GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        data, arrivals = b"", []
        while True:
            piece = connection.recv(1 << 20)
            if not piece:
                break
            data += piece
            arrivals.append(time.monotonic())
    head, body = data.split(b"\r\n\r\n", 1)
    assert b"200 OK" in head and b"chunked" in head.lower()
    assert body.endswith(b"0\r\n\r\n"), "whole"
    plain, at = b"", 0
    while True:
        line = body.index(b"\r\n", at)
        size = int(body[at:line], 16)
        if size == 0:
            break
        plain += body[line + 2:line + 2 + size]
        at = line + 2 + size + 2
    assert plain.count(b"moof") >= 2
    assert plain == player.get(url).body, "the same bytes as afterwards"


def test_ffmpeg_plays_it_without_a_word(cluster, encoder, tmp_path):
    """From the oldest segment to the newest, and on with those that come. With segments of a second it may play one twice:
    it knows times in whole seconds when it looks for its place in a new MPD (refresh_manifest in its dashdec.c)."""
    made = cluster(origin={"package.part": "200ms"})
    encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    wait_until(lambda: len(segments(manifest(player), "video")) >= 4, 20, "some segments")
    hashes = tmp_path / "played.framemd5"
    url = f"http://127.0.0.1:{made.edge.http_port}{MPD}"
    assert media.decode_complaints(url, 14, also=["-c", "copy", "-t", 14, "-f", "framemd5", hashes]) == ""
    for packets in media.parse_framemd5(hashes.read_text()).values():
        steps = [after.dts - before.dts for before, after in zip(packets, packets[1:])]
        assert packets[-1].dts - packets[0].dts > 13000 and min(steps) > 0 and max(steps) < 500, "one left out, or twice"


def test_a_dash_player_is_a_session(live):
    made, player = live
    for _ in range(3):
        player.get(segments(manifest(player), "video")[0][3])
    sessions = [one for one in made.edge.api("sessions")["sessions"] if one["protocol"] == "dash"]
    assert len(sessions) == 1 and sessions[0]["sent_bytes"] > 0
    made.edge.wait_metric('weir_viewers{protocol="dash"}', 1)


def test_a_keyframe_larger_than_what_waits_on_a_connection_reaches_those_who_watch(cluster, encoder, clip_tags):
    """Over the link between the nodes as well as in the segment that grows."""
    large = 5 << 20
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms", "stream.log_bytes": "256MiB"},
                   edge={"stream.log_bytes": "256MiB"})
    encoder(made.origin.rtmp_port, [flv.padded([tag], large)[0] if tag.is_keyframe() else tag for tag in clip_tags])
    player = hls.Player(made.edge)
    answer = player.get(foreseen(player, "video"))
    assert answer.status == 200 and len(answer.body) > large
    assert not made.edge.log_lines("relay link closed") and not made.origin.log_lines("relay link closed")
