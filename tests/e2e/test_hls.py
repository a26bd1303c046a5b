"""HLS and LL-HLS as players and caches use them."""
import gzip
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urljoin

import hls
import media
import pytest
import web
from process import SLOW, wait_until


@pytest.fixture
def live(cluster, encoder, clip_tags):
    """An origin, an edge and an encoder with a keyframe each second; (cluster, player, {track: playlist's path})."""
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms", "stream.grace": "1s"},
                   edge={"stream.grace": "1s"})
    made.encoder = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    return made, player, player.tracks()


def test_the_multivariant_playlist_names_video_and_audio(live):
    made, player, tracks = live
    variants, groups = player.multivariant()
    assert set(tracks) == {"v", "a"}
    assert len(variants) == 1 and len(groups) == 1
    assert variants[0]["RESOLUTION"] == "320x180"
    assert variants[0]["CODECS"].startswith("avc1.4d") and variants[0]["CODECS"].endswith("mp4a.40.2")
    assert float(variants[0]["FRAME-RATE"]) == pytest.approx(30, abs=0.1)
    assert int(variants[0]["AVERAGE-BANDWIDTH"]) <= int(variants[0]["BANDWIDTH"])
    assert variants[0]["AUDIO"] == groups[0]["GROUP-ID"]


def test_segments_are_their_parts_joined(live):
    made, player, tracks = live
    for path in tracks.values():
        playlist = player.media(path)
        playlist = player.media(path, f"_HLS_msn={playlist.last + 2}")
        whole = [one for one in playlist.segments if one.parts]
        assert whole, "the newest segments list their parts"
        for segment in whole:
            parts = b"".join(player.fetch(path, part.uri) for part in segment.parts)
            assert parts == player.fetch(path, segment.uri)
            assert sum(part.duration for part in segment.parts) == pytest.approx(segment.duration, abs=0.05)
            for part in segment.parts[:-1]:
                assert part.independent or part.duration >= 0.85 * playlist.part_target


def test_a_blocking_reload_is_answered_when_its_part_is_there(live):
    made, player, tracks = live
    path = tracks["v"]
    playlist = player.media(path)
    for _ in range(12):
        msn, part = playlist.last + 1, len(playlist.open_parts)
        playlist = player.media(path, f"_HLS_msn={msn}&_HLS_part={part}")
        assert (playlist.last, len(playlist.open_parts)) >= (msn - 1, part + 1) or playlist.last >= msn
    answer = player.get(f"{path}{'&' if '?' in path else '?'}_HLS_msn={playlist.last + 1}")
    assert answer.status == 200 and hls.parse_media(answer.text()).last >= playlist.last + 1
    assert "max-age" in answer.headers["cache-control"] and "no-store" not in answer.headers["cache-control"]


def test_a_hinted_part_comes_whole(live):
    made, player, tracks = live
    path = tracks["v"]
    hinted = player.media(path).hint
    body = player.fetch(path, hinted)
    assert body == player.fetch(path, hinted)
    assert b"moof" in body[:200] and b"mdat" in body


@pytest.mark.parametrize("query,status", [
    ("_HLS_part=0", 400), ("_HLS_msn=x", 400), ("_HLS_msn=99999999999", 400), ("_HLS_msn=-1", 400), ("_HLS_msn=0", 200),
])
def test_directives_that_cannot_be_met_are_refused(live, query, status):
    made, player, tracks = live
    answer = player.get(f"{tracks['v']}{'&' if '?' in tracks['v'] else '?'}{query}")
    assert answer.status == status, answer
    if status == 400:
        assert answer.json()["error"]["message"]


def test_a_delta_update_leaves_out_what_the_player_has(cluster, encoder):
    made = cluster(origin={"package.segment": "500ms", "package.part": "100ms", "package.target_duration": "1s"},
                   edge={"package.window": 14})
    encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    full = wait_until(lambda: (lambda one: one if len(one.segments) >= 10 else None)(player.media(path)), 20,
                      "ten segments are listed")
    delta = player.media(path, "_HLS_skip=YES")
    assert delta.skipped > 0
    known = full.by_number()
    for segment in delta.segments:
        if segment.msn in known:
            assert urljoin(path, segment.uri) == urljoin(path, known[segment.msn].uri)
            assert segment.duration == known[segment.msn].duration


def test_caches_are_told_what_may_be_kept(live):
    made, player, tracks = live
    path = tracks["v"]
    playlist = player.media(path)
    segment = urljoin(path, playlist.segments[-1].uri)
    for uri in (segment, urljoin(path, playlist.segments[-1].init)):
        answer = player.get(uri)
        assert "immutable" in answer.headers["cache-control"] and answer.headers["access-control-allow-origin"] == "*"
        again = player.get(uri, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status == 304 and again.body == b""
    whole = player.get(segment).body
    part = player.get(segment, headers={"Range": "bytes=100-199"})
    assert part.status == 206 and part.body == whole[100:200]
    zipped = player.get(path, headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body).startswith(b"#EXTM3U")
    assert "max-age=0" in zipped.headers["cache-control"]
    head = player.get(segment, method="HEAD")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) == len(whole)


def test_what_is_not_there_is_a_404_with_a_reason(live):
    made, player, tracks = live
    playlist = player.media(tracks["v"])
    epoch = playlist.segments[-1].uri.split("/")[0]
    for path in ("/live/cam1/x/index.m3u8", f"/live/cam1/v/{epoch}/1.m4s", f"/live/cam1/v/{epoch}/t1.m4s",
                 f"/live/cam1/v/{epoch}/t9223372036854775807.m4s", f"/live/cam1/v/{epoch}/init-00000000.mp4",
                 f"/live/cam1/v/{epoch}/abc", "/live/cam1/v/1/1.m4s", "/live/cam1/../x/index.m3u8"):
        answer = player.get(path)
        assert answer.status in (400, 404), (path, answer.status)
        assert answer.json()["error"]["message"]


def test_an_unknown_stream_is_waited_for(cluster, encoder):
    made = cluster(edge={"edge.wait_publish": f"{3 * SLOW:g}s"})
    player = hls.Player(made.edge)
    answer = player.get("/live/nobody/index.m3u8", timeout=10 * SLOW)
    assert answer.status == 404 and answer.json()["error"]["code"] == "stream_not_found"
    made.edge.wait_metric("weir_packaged_streams", 0)
    got = []
    waiter = threading.Thread(target=lambda: got.append(player.get("/live/cam1/index.m3u8", timeout=30 * SLOW)))
    waiter.start()
    wait_until(lambda: made.edge.metric("weir_packaged_streams") == 1, 5, "the ask waits")
    time.sleep(2.5 * SLOW)  # nearly all of edge.wait_publish: the first segment is made after that
    encoder(made.origin.rtmp_port)
    waiter.join(30 * SLOW)
    assert got and got[0].status == 200
    made.edge.wait_metric("weir_packaged_streams", 1)


def test_ffmpeg_plays_fmp4_and_ts_without_a_word(live, children):
    made, player, tracks = live
    port = made.edge.http_port
    for path in ("index.m3u8", "ts/index.m3u8"):
        assert media.codecs(f"http://127.0.0.1:{port}/live/cam1/{path}") == {"h264", "aac"}
        assert media.decode_complaints(f"http://127.0.0.1:{port}/live/cam1/{path}", 4) == ""
    assert media.codecs(f"http://127.0.0.1:{port}/live/cam1.ts") == {"h264", "aac"}
    assert media.decode_complaints(f"http://127.0.0.1:{port}/live/cam1.ts", 3) == ""


def test_players_are_sessions(live):
    made, player, tracks = live
    path = tracks["v"]
    assert "session=" in path
    for _ in range(3):
        playlist = player.media(path)
        player.fetch(path, playlist.segments[-1].uri)
    sessions = [one for one in made.edge.api("sessions")["sessions"] if one["protocol"] == "hls"]
    assert [one["id"] for one in sessions] == [path.split("session=")[1]]
    assert sessions[0]["stream"] == "live/cam1" and sessions[0]["sent_bytes"] > 0
    assert "session" not in playlist.segments[-1].uri
    made.edge.wait_metric('weir_viewers{protocol="hls"}', 1)


def test_what_a_player_says_of_itself_cannot_harm_the_api(live):
    made, player, tracks = live
    path = tracks["v"].split("?")[0]
    for session in ("x" * 32, "%0a%22" + "0" * 30, "0" * 31, "A" * 32):
        answer = player.get(f"{path}?session={session}", headers={"User-Agent": b"\xff\xfe\"quoted\""})
        assert answer.status == 200
        assert session not in player.get(f"{player.root}?session={session}").text()
    sessions = [one for one in made.edge.api("sessions")["sessions"] if one["protocol"] == "hls"]
    assert [one["agent"] for one in sessions] == ['??"quoted"'], "one player, by its address and agent"


def test_the_playlist_ends_with_the_stream(live):
    made, player, tracks = live
    path = tracks["v"]
    player.media(path)
    made.encoder.close()
    ended = wait_until(lambda: (lambda one: one if one.ended else None)(player.media(path)), 10, "ENDLIST")
    assert not ended.hint
    answer = player.get(f"{path}&_HLS_msn={ended.last + 5}")
    assert answer.status == 200, "directives mean nothing after the end"
    mpd = player.get("/live/cam1/manifest.mpd")
    assert mpd.status == 200 and b'type="static"' in mpd.body


def test_an_encoder_that_comes_back_goes_on_in_the_same_playlist(cluster, encoder, clip_tags):
    made = cluster(origin={"package.segment": "1s"})
    first = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    before = player.media(path)
    first.close()
    held = player.media(path)
    assert held.last >= before.last and not held.ended, "the playlist stays while the publisher is away"
    encoder(made.origin.rtmp_port)
    after = wait_until(lambda: (lambda one: one if one.last >= held.last + 4 else None)(player.media(path)), 20,
                       "segments of the new epoch")
    numbers = [one.msn for one in after.segments]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    uris = {one.msn: one.uri for one in held.segments}
    for one in after.segments:
        assert uris.get(one.msn, one.uri) == one.uri, "what was advertised is never withdrawn"
        if not one.gap:
            player.fetch(path, one.uri)


def test_a_blocked_reload_of_a_lost_stream_ends_with_503(cluster, encoder):
    made = cluster(origin={"package.segment": "500ms", "package.target_duration": "1s"})
    lost = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    lost.close()
    playlist = player.media(path)
    began = time.monotonic()
    answer = player.get(f"{path}&_HLS_msn={playlist.last + 2}", timeout=15 * SLOW)
    assert answer.status == 503 and time.monotonic() - began >= 2.9, answer
    assert answer.headers["cache-control"] == "no-store"
    assert player.media(path).last >= playlist.last, "plain ones repeat the playlist"


def test_names_that_nobody_publishes_leave_nothing(cluster):
    made = cluster(edge={"edge.wait_publish": "1s"})

    def status(i):
        return web.request(made.edge.http_port, f"/live/none{i}/index.m3u8", timeout=10 * SLOW).status

    with ThreadPoolExecutor(20) as viewers:
        assert set(viewers.map(status, range(100))) == {404}
    made.edge.wait_metric("weir_packaged_streams", 0)
    made.edge.wait_metric("weir_streams", 0)
