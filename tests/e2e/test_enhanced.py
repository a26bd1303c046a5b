"""Enhanced RTMP: FFmpeg 8 publishes and plays what Debian's ffmpeg cannot; every frame arrives as it was sent."""
import json
import shutil
import subprocess
from pathlib import Path

import flv
import media
import pytest
import rtmp
import web
from process import SLOW, wait_until

PROGRAMS = Path(__file__).resolve().parent / "node"
X265 = ["-c:v", "libx265", "-x265-params", "log-level=none:keyint=30:bframes=2"]
VIDEO = {
    "hevc": X265,
    "hevc10": [*X265, "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace",
               "bt2020nc"],
    "av1": ["-c:v", "libsvtav1", "-preset", "12", "-g", "30"],
    "vp9": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "30"],
    "h264": ["-c:v", "libx264", "-preset", "ultrafast", "-g", "30", "-bf", "2"],
}
AUDIO = {
    "opus": ["-c:a", "libopus"], "ac3": ["-c:a", "ac3"], "eac3": ["-c:a", "eac3"],
    "flac": ["-c:a", "flac", "-strict", "-2"], "mp3": ["-c:a", "libmp3lame"], "aac": ["-c:a", "aac"],
}
CASES = [("hevc", "opus"), ("hevc10", "aac"), ("av1", "ac3"), ("vp9", "flac"), ("h264", "eac3"), ("h264", "mp3")]

pytestmark = pytest.mark.skipif(
    not shutil.which("node") or not (PROGRAMS / "node_modules/node-av").is_dir(),
    reason="node-av is not installed: npm ci --ignore-scripts --prefix tests/e2e/node")


def make_file(path, video, audio):
    """Three seconds; MP4, for there every packet has its dts."""
    pixels = [] if "-pix_fmt" in VIDEO[video] else ["-pix_fmt", "yuv420p"]
    subprocess.run([*media.FFMPEG, "-v", "quiet", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-f", "lavfi", "-i",
                    "sine=sample_rate=48000", "-t", "3", *VIDEO[video], *pixels, *AUDIO[audio], "-y", path],
                   check=True, timeout=60 * SLOW)
    return path


def program(children, name, *arguments):
    return children.start(name, ["node", PROGRAMS / f"{name.split('-')[0]}.mjs", *arguments], stdout=subprocess.PIPE)


def lines(child):
    output, _ = child.process.communicate(timeout=60 * SLOW)
    assert child.process.returncode == 0, child.text()[-2000:]
    return [json.loads(line) for line in output.decode().splitlines()]


def contents(packets, stream):
    return [(packet["size"], packet["md5"]) for packet in packets if packet["stream"] == stream]


def waiting(edge):
    return sum(one["state"] == "waiting" for one in edge.api("sessions")["sessions"])


@pytest.mark.parametrize("video, audio", CASES)
def test_every_frame_of_every_codec_arrives_unchanged(cluster, children, tmp_path, video, audio):
    made = cluster(origin={"stream.grace": "500ms"}, edge={"stream.grace": "500ms", "edge.wait_publish": "30s"})
    source = make_file(tmp_path / "sent.mp4", video, audio)
    players = [program(children, "play-flv", made.edge.flv()),
               program(children, "play-rtmp", made.edge.rtmp(), "hvc1,av01,vp09")]
    wait_until(lambda: waiting(made.edge) == 2, 15, "both players ask for the stream")
    sent = lines(program(children, "publish", source, made.origin.rtmp()))
    for player in players:
        streams, *got = lines(player)
        assert [one["codec"] for one in streams] == [video.replace("hevc10", "hevc"), audio]
        assert (streams[0]["width"], streams[0]["height"]) == (320, 180)
        assert contents(got, 0) == contents(sent, 0)
        # A viewer begins at the first keyframe: sound that was sent before it is not for him.
        assert len(contents(got, 1)) >= len(contents(sent, 1)) - 3
        assert contents(got, 1) == contents(sent, 1)[-len(contents(got, 1)):]


def test_the_api_tells_what_the_configurations_say(cluster, children, tmp_path):
    made = cluster()
    source = make_file(tmp_path / "sent.mp4", "hevc", "ac3")
    publisher = program(children, "publish", source, made.origin.rtmp())
    wait_until(lambda: len(made.origin.api("streams")["streams"]) == 1 and
               len(made.origin.api("streams/live/cam1")["tracks"]) == 2, 15, "the tracks are known")
    video, audio = made.origin.api("streams/live/cam1")["tracks"]
    assert video["codecs"].startswith("hvc1.1.6.L") and (video["width"], video["height"]) == (320, 180)
    assert video["frame_rate"] == 30
    assert (audio["codecs"], audio["sample_rate"], audio["channels"]) == ("ac-3", 48000, 1)
    lines(publisher)


def ivf_frames(path):
    data, at, frames = path.read_bytes(), 32, []
    while at < len(data):
        size = int.from_bytes(data[at:at + 4], "little")
        frames.append(data[at + 12:at + 12 + size])
        at += 12 + size
    return frames


def test_vp8_which_ffmpeg_does_not_write_passes_too(cluster, tmp_path):
    made = cluster()
    path = tmp_path / "sent.ivf"
    subprocess.run([*media.FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30", "-t", "2", "-c:v",
                    "libvpx", "-deadline", "realtime", "-g", "15", "-y", path], check=True, timeout=60 * SLOW)
    frames = ivf_frames(path)
    with rtmp.Client(made.origin.rtmp_port) as encoder, web.RawConnection(made.edge.http_port, timeout=20) as viewer:
        viewer.send(b"GET /live/cam1.flv HTTP/1.0\r\n\r\n")
        assert encoder.publish("cam1") == "NetStream.Publish.Start"
        for i, frame in enumerate(frames):
            head = bytes([0x80 | (1 if frame[0] & 1 == 0 else 2) << 4 | 1]) + b"vp08"
            encoder.send_tag(flv.Tag(flv.VIDEO, i * 33, head + frame))
        assert viewer.answer(head_only=True).status == 200
        reader, got = flv.Reader(), []
        data = viewer.buffer
        while not got or got[-1][5:] != frames[-1]:
            got += [tag.payload for tag in reader.feed(data) if tag.type == flv.VIDEO]
            data = viewer.socket.recv(65536) if not got or got[-1][5:] != frames[-1] else b""
        # All was sent at once, so the viewer may have begun at a later keyframe than the first.
        assert got[0][0] >> 4 & 7 == 1 and [payload[5:] for payload in got] == frames[-len(got):]
        track, = made.origin.api("streams/live/cam1")["tracks"]
        assert (track["codecs"], track["width"], track["height"]) == ("vp8", 320, 180)


def test_an_encoder_is_told_what_codecs_there_are(cluster):
    made = cluster()
    with rtmp.Client(made.origin.rtmp_port) as client:
        told = client.connect(fourCcList=["hvc1", "av01"], capsEx=6.0).connect_result
        assert {"hvc1", "av01", "vp09", "Opus", "fLaC"} <= set(told["fourCcList"])
        assert told["videoFourCcInfoMap"] == {"*": 4}
        assert int(told["capsEx"]) & 6 == 6
