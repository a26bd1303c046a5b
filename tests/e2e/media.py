"""ffmpeg, ffprobe and rtmpdump, as an encoder and as players."""
import json
import subprocess
from dataclasses import dataclass

from process import SLOW

FFMPEG = ["ffmpeg", "-hide_banner", "-nostdin", "-nostats"]


def _sources(size, rate, audio, sample_rate=48000):
    video = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}"]
    return video + (["-f", "lavfi", "-i", f"sine=frequency=440:beep_factor=4:sample_rate={sample_rate}"] if audio else [])


def _codecs(rate, gop, bframes, audio):
    video = ["-c:v", "libx264", "-preset", "ultrafast", "-profile:v", "main", "-pix_fmt", "yuv420p", "-bf", str(bframes),
             "-g", str(round(rate * gop)), "-keyint_min", str(round(rate * gop)), "-sc_threshold", "0", "-b:v", "400k"]
    if not bframes:
        video += ["-tune", "zerolatency"]
    return video + (["-c:a", "aac", "-b:a", "64k", "-ac", "2"] if audio else [])


def make_clip(path, seconds=6, rate=30, gop=1, bframes=2, size="320x180", audio=True, sample_rate=48000):
    """Writes an FLV file of H.264 and AAC with a keyframe each `gop` seconds."""
    subprocess.run([*FFMPEG, "-v", "error", *_sources(size, rate, audio, sample_rate), "-t", str(seconds),
                    *_codecs(rate, gop, bframes, audio), "-f", "flv", "-y", str(path)], check=True, timeout=60 * SLOW)
    return path


def ffmpeg_publish(children, url, duration=None, source=None, loop=False, size="320x180", rate=30, gop=1, bframes=0,
                   audio=True, name="publish"):
    """Starts an encoder in real time: of a generated picture, or of `source` as it is. The Child."""
    if source:
        inputs = ["-re", *(["-stream_loop", "-1"] if loop else []), "-i", str(source), "-c", "copy"]
    else:
        inputs = ["-re", *_sources(size, rate, audio), *_codecs(rate, gop, bframes, audio)]
    limit = ["-t", str(duration)] if duration else []
    return children.start(name, [*FFMPEG, "-v", "warning", *inputs, *limit, "-f", "flv", url])


def ffprobe_json(url, timeout=20):
    result = subprocess.run(["ffprobe", "-v", "error", "-print_format", "json", "-show_streams", "-show_format", url],
                            capture_output=True, text=True, timeout=timeout * SLOW, check=False)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def codecs(url):
    """The set of codec names at a URL, by ffprobe."""
    return {stream["codec_name"] for stream in ffprobe_json(url)["streams"]}


def decode_complaints(url, seconds, timeout=30, also=(), all_streams=False):
    """What ffmpeg says at level "error" or above when it decodes `seconds` of a live URL; "" when all is well. `also`: another
    output beside."""
    chosen = ["-map", "0"] if all_streams else []
    result = subprocess.run([*FFMPEG, "-v", "error", "-i", url, *chosen, "-t", str(seconds), "-f", "null", "-", *map(str, also)],
                            capture_output=True, text=True, timeout=timeout * SLOW, check=False)
    return result.stderr if result.returncode == 0 else f"status {result.returncode}: {result.stderr}"


@dataclass(frozen=True)
class Packet:
    dts: int
    pts: int
    size: int
    md5: str


def parse_framemd5(text):
    """{stream index: [Packet]} of ffmpeg's framemd5 output; times in milliseconds."""
    timebases, packets = {}, {}
    for line in text.splitlines():
        if line.startswith("#tb "):
            index, base = line[4:].split(":")
            top, bottom = base.split("/")
            timebases[int(index)] = 1000 * int(top) / int(bottom)
        elif line and not line.startswith("#"):
            index, dts, pts, _, size, md5 = [f.strip() for f in line.split(",")][:6]
            base = timebases[int(index)]
            packets.setdefault(int(index), []).append(
                Packet(round(int(dts) * base), round(int(pts) * base), int(size), md5))
    return packets


def framemd5_command(url):
    """Hashes every packet of a URL as it is, video as stream 0 and audio as stream 1, to standard output."""
    return [*FFMPEG, "-v", "error", "-copyts", "-i", str(url), "-map", "0:v", "-map", "0:a", "-c", "copy", "-f", "framemd5", "-"]


def frame_hashes(path):
    result = subprocess.run(framemd5_command(path), capture_output=True, text=True, timeout=60 * SLOW, check=True)
    return parse_framemd5(result.stdout)


def rtmpdump(children, url, output, name="rtmpdump"):
    """Starts rtmpdump on a live stream, into a file; it goes on until it is stopped. The Child."""
    return children.start(name, ["rtmpdump", "--live", "--rtmp", url, "--flv", str(output)])
