"""HLS and DASH by players that others wrote, for some seconds; for a minute by `tests/run --seconds 60 e2e`.

GStreamer plays no DASH here: up to 1.22 at least, both of its demuxers lose their place in a SegmentTimeline whose beginning has moved,
each time that the manifest is updated (gst_mpd_client_stream_seek adds the start of the first segment to the wanted time)."""
import os
import shutil

import hls
import media
import pytest
import vlc
from process import wait_until

SECONDS = int(os.environ.get("WEIR_SECONDS", "5"))
RATE = 30


@pytest.fixture
def live(cluster, encoder):
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms"})
    encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    wait_until(lambda: len(player.media(path).segments) >= 4, 20, "four segments")
    return made


@pytest.mark.skipif(not shutil.which("gst-launch-1.0"), reason="GStreamer is not installed (deploy/packages test)")
@pytest.mark.parametrize("path", ["index.m3u8", "ts/index.m3u8"])
def test_gstreamer_plays(live, children, path):
    """So many seconds of pictures, by the clock, and no error."""
    url = f"http://127.0.0.1:{live.edge.http_port}/live/cam1/{path}"
    player = children.start("gst", ["gst-launch-1.0", "-q", "playbin3", f"uri={url}", "flags=0x1", "audio-sink=fakesink",
                                    f"video-sink=fakesink num-buffers={SECONDS * RATE} sync=true"])
    assert player.wait(55 + SECONDS * 1.5) == 0, player.text()
    assert "ERROR" not in player.text()


@pytest.mark.skipif(bool(vlc.missing()), reason=vlc.missing())
@pytest.mark.parametrize("path", ["index.m3u8", "ts/index.m3u8", "manifest.mpd"])
def test_vlc_plays(live, children, path):
    player = vlc.Vlc(children, f"http://127.0.0.1:{live.edge.http_port}/live/cam1/{path}")
    try:
        player.wait_shown(1, 30)
        player.wait_shown(player.counted("frames displayed") + SECONDS * RATE, 15 + SECONDS * 1.5)
    finally:
        player.close()


@pytest.fixture
def changing(cluster, encoder, changing_tags):
    """The sound's rate changes every six seconds."""
    made = cluster(origin={"package.segment": "1s", "package.part": "200ms"})
    encoder(made.origin.rtmp_port, changing_tags, changing=True)
    player = hls.Player(made.edge)
    wait_until(lambda: any(one.discontinuity for one in player.media(player.tracks()["a"]).segments), 30, "a discontinuity")
    return made


@pytest.mark.skipif(bool(vlc.missing()), reason=vlc.missing())
def test_vlc_plays_over_changes_of_the_sounds_rate(changing, children):
    """In MPEG-TS: VLC 3 begins anew at a discontinuity, or a period, and does not give its MP4 demuxer the initialisation again."""
    player = vlc.Vlc(children, f"http://127.0.0.1:{changing.edge.http_port}/live/cam1/ts/index.m3u8")
    try:
        player.wait_shown(1, 30)
        player.wait_shown(player.counted("frames displayed") + 15 * RATE, 40)
    finally:
        player.close()


@pytest.mark.parametrize("path", ["index.m3u8", "ts/index.m3u8"])
def test_ffmpeg_decodes_over_changes_of_the_sounds_rate(changing, path):
    url = f"http://127.0.0.1:{changing.edge.http_port}/live/cam1/{path}"
    assert media.decode_complaints(url, 15, timeout=60) == ""
