"""Several pictures of one stream, published as tracks over the relay: a player may change between them at any segment."""
import subprocess
import threading
import time
import xml.etree.ElementTree as ET

import flv
import hls
import media
import pytest
import relay
import web
from process import SLOW, wait_until
from test_judges import judge, parsers_missing

VIDEO, AUDIO = 1, 2
CONFIG, FRAME = 1, 2
AVC, AAC = int.from_bytes(b"avc1", "big"), int.from_bytes(b"mp4a", "big")


def sample(publish, tag, track, timestamp):
    """A tag of an FLV file (no B-frames) as a relay's Sample."""
    video = tag.type == flv.VIDEO
    kind = CONFIG if tag.is_config() else FRAME
    fields = [(1, publish), (2, kind), (3, VIDEO if video else AUDIO), (4, AVC if video else AAC), (5, track),
              (7, int(tag.is_keyframe())), (8, timestamp)]
    return relay.message(relay.SAMPLE, fields, tag.payload[5 if video else 2:])


class Ladder:
    """Publishes the pictures of several clips as tracks 0, 1, … and the first one's sound, in real time, until closed."""

    def __init__(self, port, clips):
        self.link = relay.Link(port, node="ladder")
        self.link.socket.sendall(relay.message(relay.PUBLISH, [(1, 9), (2, "live/cam1"), (4, "10.0.0.1:5"), (5, "test"),
                                                               (6, "ladder")]))
        self.link.read_until(relay.ACCEPTED)  # what comes before that is nobody's
        self.tags = sorted(((tag.timestamp, track, tag) for track, tags in enumerate(clips) for tag in tags
                            if tag.type == flv.VIDEO or (track == 0 and tag.type == flv.AUDIO)), key=lambda one: one[:2])
        self.span = max(at for at, _, _ in self.tags) + 33
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        began, lap = time.monotonic(), 0
        while True:
            for at, track, tag in self.tags:
                if lap and tag.is_config() or not (tag.is_config() or tag.is_frame()):
                    continue
                at += lap * self.span
                if self.closing.wait(max(0.0, began + at / 1000 - time.monotonic())):
                    return
                self.link.socket.sendall(sample(9, tag, track, at))
            lap += 1

    def close(self):
        self.closing.set()
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.link.close()


@pytest.fixture
def ladder(cluster, tmp_path):
    made = cluster(edges=2, origin={"package.part": "200ms"})
    clips = [flv.read_file(media.make_clip(tmp_path / f"{size}.flv", bframes=0, size=size)) for size in ("320x180", "160x90")]
    publisher = Ladder(made.origin.relay_port, clips)
    yield made
    publisher.close()


def test_all_pictures_have_the_same_segments(ladder):
    player = hls.Player(ladder.edge)
    variants, groups = player.multivariant()
    assert sorted(one["RESOLUTION"] for one in variants) == ["160x90", "320x180"] and len(groups) == 1
    tracks = player.tracks()
    assert len(tracks) == 3
    wait_until(lambda: all(len(player.media(path).segments) >= 4 for path in tracks.values()), 30, "four segments of each")
    lists = {name: player.media(path) for name, path in tracks.items()}
    shared = set.intersection(*(set(one.by_number()) for one in lists.values()))
    assert len(shared) >= 3
    for number in shared:
        one, *others = [playlist.by_number()[number] for playlist in lists.values()]
        for other in others:
            assert other.duration == one.duration and other.date == one.date, "the same boundaries, the same time"


def test_the_manifest_has_them_as_one_set(ladder):
    """One that a player chooses from: the same times for all pictures."""
    manifest, name = f"http://127.0.0.1:{ladder.edge.http_port}/live/cam1/manifest.mpd", "{urn:mpeg:dash:schema:mpd:2011}"

    def pictures():
        mpd = ET.fromstring(web.request(ladder.edge.http_port, "/live/cam1/manifest.mpd", timeout=20).body)
        sets = [one for one in mpd.iter(f"{name}AdaptationSet") if one.get("contentType") == "video"]
        assert len(sets) == 1
        found = sets[0].findall(f"{name}Representation")
        return {one.get("height"): [int(step.get("t")) + i * int(step.get("d")) for step in one.iter(f"{name}S")
                                    for i in range(1 + int(step.get("r", 0)))] for one in found}

    def whole():
        """The times of all but the newest two, which one picture may have begun, or foresee, before the other."""
        seen = pictures()
        assert set(seen) == {"180", "90"} and abs(len(seen["180"]) - len(seen["90"])) <= 2
        count = min(map(len, seen.values())) - 2
        return count >= 3 and {height: times[:count] for height, times in seen.items()}

    seen = wait_until(whole, 30, "three whole segments")
    assert seen["180"] == seen["90"]
    assert media.decode_complaints(manifest, 6, all_streams=True) == ""
    assert media.decode_complaints(manifest.replace("manifest.mpd", "index.m3u8"), 6, all_streams=True) == ""


@pytest.mark.skipif(bool(parsers_missing()), reason=parsers_missing())
def test_parsers_find_all_of_them(ladder):
    player = hls.Player(ladder.edge)
    tracks = player.tracks()
    wait_until(lambda: all(len(player.media(path).segments) >= 4 for path in tracks.values()), 30, "four segments of each")
    found = judge(ladder.edge)
    assert found["variants"] == 2 and found["warnings"] == []
    assert set(found["media"]) == {*tracks, "ts"}
    for one in found["media"].values():
        assert one["segments"] >= 3 and one["warnings"] == []
    assert len(found["dash"]["tracks"]) == 3
    assert len({track["segments"] for track in found["dash"]["tracks"]}) == 1
    assert [track["boxes"]["count"] for track in found["dash"]["tracks"][:2]] == [60, 60]


def elementary(data, path):
    """The pictures of an initialisation and a segment as a stream that decodes on from the one before it."""
    source = path.with_suffix(".mp4")
    source.write_bytes(data)
    subprocess.run([*media.FFMPEG, "-v", "error", "-i", source, "-c", "copy", "-f", "h264", "-y", path], check=True, timeout=30 * SLOW)
    return path.read_bytes()


def test_a_player_may_change_pictures_at_every_segment(ladder, children, tmp_path):
    """Segments of both pictures, one after the other of each and by turns of both, decode without a word."""
    player = hls.Player(ladder.edge)
    tracks = {name: path for name, path in player.tracks().items() if name != "a"}
    seen = {}

    def collect():
        for name, path in tracks.items():
            for segment in player.media(path).segments:
                seen.setdefault(segment.msn, {})[name] = (path, segment)
        return sum(len(one) == 2 for one in seen.values()) >= 5

    wait_until(collect, 30, "five segments of both")
    numbers = sorted(number for number, one in seen.items() if len(one) == 2)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    for name in tracks:
        data, have_init = b"", None
        for number in numbers:
            path, segment = seen[number][name]
            if segment.init != have_init:
                data += player.fetch(path, segment.init)
                have_init = segment.init
            data += player.fetch(path, segment.uri)
        file = tmp_path / f"{name}.mp4"
        file.write_bytes(data)
        assert media.decode_complaints(str(file), 30) == ""
    by_turns = tmp_path / "turns.h264"
    for index, number in enumerate(numbers):
        path, segment = seen[number][sorted(tracks)[index % 2]]
        piece = elementary(player.fetch(path, segment.init) + player.fetch(path, segment.uri), tmp_path / f"{number}.h264")
        with by_turns.open("ab") as file:
            file.write(piece)
    pictures = tmp_path / "pictures.txt"
    assert media.decode_complaints(str(by_turns), 60, also=["-c", "copy", "-f", "framemd5", pictures]) == ""
    assert len(media.parse_framemd5(pictures.read_text())[0]) == 60 * len(numbers)
    other = hls.Player(ladder.edges[1])
    for index, number in enumerate(numbers[-3:]):
        path, segment = seen[number][sorted(tracks)[index % 2]]
        other.tracks()
        assert other.fetch(path, segment.uri) == player.fetch(path, segment.uri), "and the same bytes from another edge"
