"""The streams that are sent: made once by ffmpeg, kept in build/bench."""
import subprocess

import flv

# 2.5 Mbit/s, with noise so that the encoder really fills it. A keyframe each second: so each second is like the others.
HD = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=30,noise=alls=20:allf=t", "-f", "lavfi", "-i",
      "sine=frequency=440:sample_rate=44100", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
      "-g", "30", "-b:v", "2400k", "-maxrate", "2400k", "-bufsize", "1200k", "-c:a", "aac", "-b:a", "96k"]
# 100 kbit/s.
SMALL = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=10,noise=alls=20:allf=t", "-f", "lavfi", "-i",
         "sine=frequency=440:sample_rate=8000", "-t", "20", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
         "-g", "20", "-b:v", "84k", "-maxrate", "84k", "-bufsize", "42k", "-c:a", "aac", "-b:a", "16k", "-ac", "1"]
# 5 Mbit/s.
RICH = [*HD[:HD.index("-b:v")], "-b:v", "4900k", "-maxrate", "4900k", "-bufsize", "2450k", "-c:a", "aac", "-b:a", "96k"]
# Frames that are far apart, and no sound: which of them was sent last is beyond doubt for 100 ms.
SPARSE = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=10,noise=alls=20:allf=t", "-t", "20", "-c:v", "libx264", "-preset",
          "ultrafast", "-tune", "zerolatency", "-g", "20", "-b:v", "500k", "-maxrate", "500k", "-bufsize", "250k"]


class Clip:
    def __init__(self, path):
        self.path = path
        tags = [tag for tag in flv.read_file(path) if tag.type in (flv.AUDIO, flv.VIDEO)]
        self.times = sorted(tag.timestamp for tag in tags if not tag.is_config())
        self.span = (max(self.times) + 33) / 1000

    @property
    def messages_per_second(self):
        return len(self.times) / self.span

    def writes_per_second(self, merge_ms):
        """Of the floor's schedule (tests/bench/floor): a write carries what comes within `merge_ms` of its first tag."""
        writes, first = 0, None
        for at in self.times:
            if first is None or at - first > merge_ms:
                writes, first = writes + 1, at
        return writes / self.span

    def merge_for(self, writes_per_second):
        """The `merge_ms` whose schedule has the number of writes nearest to this."""
        return min(range(500), key=lambda ms: abs(self.writes_per_second(ms) - writes_per_second))


def make(folder, name, options):
    path = folder / f"{name}.flv"
    if not path.exists():
        part = path.with_suffix(".part.flv")
        subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *options, part], check=True)
        part.rename(path)
    return Clip(path)


def hd(folder):
    return make(folder, "hd-1s", HD)


def small(folder):
    return make(folder, "small", SMALL)


def rich(folder):
    return make(folder, "rich-1s", RICH)


def sparse(folder):
    return make(folder, "sparse", SPARSE)
