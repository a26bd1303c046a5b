"""The same bytes from every edge: what the whole of packaging is for."""
import hashlib
import random
import subprocess
from urllib.parse import urljoin

import flv
import hls
import media
import pytest
from cable import Cable
from process import SLOW, wait_until

SECONDS = 24


@pytest.fixture(scope="module")
def irregular(tmp_path_factory):
    """Keyframes at odd times, a frame rate that varies, 44.1 kHz sound, and enough of it to fill a link's buffers."""
    path = tmp_path_factory.mktemp("irregular") / "irregular.flv"
    at, keys, chance = 0.0, [], random.Random(7)
    while at < SECONDS:
        keys.append(f"{at:.3f}")
        at += chance.choice([0.5, 0.9, 1.3, 2.1, 2.6])
    subprocess.run([*media.FFMPEG, "-v", "error",
                    "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=30,noise=alls=60:allf=t,select='mod(n\\,7)*mod(n\\,11)'",
                    "-f", "lavfi", "-i", "sine=frequency=440:beep_factor=4:sample_rate=44100", "-t", str(SECONDS),
                    "-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-b:v", "6M", "-g", "300",
                    "-keyint_min", "1", "-sc_threshold", "0", "-force_key_frames", ",".join(keys), "-pix_fmt", "yuv420p",
                    "-c:a", "aac", "-b:a", "96k", "-f", "flv", "-y", str(path)], check=True, timeout=120 * SLOW)
    return flv.read_file(path)


class Collector:
    """All that an edge lists of every track: {absolute URI: hash of its bytes}, gaps apart, as its playlists grow."""

    def __init__(self, edge):
        self.player = hls.Player(edge)
        self.tracks = self.player.tracks()
        self.hashes, self.gaps, self.numbers = {}, set(), {name: [] for name in self.tracks}

    def _take(self, path, uri):
        uri = urljoin(path, uri)
        if uri not in self.hashes:
            self.hashes[uri] = hashlib.sha256(self.player.fetch(path, uri)).hexdigest()

    def collect(self):
        for name, path in self.tracks.items():
            for segment in self.player.media(path).segments:
                if segment.gap:
                    self.gaps.add(urljoin(path, segment.uri))
                    continue
                self._take(path, segment.init)
                self._take(path, segment.uri)
                for part in segment.parts:
                    self._take(path, part.uri)
                if segment.msn not in self.numbers[name]:
                    self.numbers[name].append(segment.msn)


def test_every_edge_serves_the_same_bytes(cluster, nodes, encoder, irregular):
    made = cluster(edges=1, origin={"package.segment": "1s", "package.part": "200ms", "relay.max_lag": "1s",
                                    "stream.log_bytes": "128MiB", "relay.dead_after": "60s"},
                   edge={"relay.dead_after": "60s", "package.window": 40})
    cable = Cable(made.origin.relay_port)
    try:
        common = {"relay.dead_after": "60s", "package.window": 40}
        second = nodes("edge", {**common, "registry.origins": made.origin.relay, "node.workers": 2}, name="second").start()
        lagging = nodes("edge", {**common, "registry.origins": f"127.0.0.1:{cable.port}", "node.workers": 3},
                        name="lagging").start()
        encoder(made.origin.rtmp_port, irregular)
        collectors = [Collector(made.edge)]
        wait_until(lambda: collectors[0].collect() or len(collectors[0].numbers["v"]) >= 3, 30, "three segments")
        collectors.append(Collector(lagging))
        wait_until(lambda: collectors[1].collect() or len(collectors[1].numbers["v"]) >= 3, 30, "three segments there")
        before = collectors[0].numbers["v"][-1]
        cable.hold()
        wait_until(lambda: collectors[0].collect() or collectors[0].numbers["v"][-1] >= before + 12, 60, "twelve more")
        cable.release()
        made.origin.wait_log("relay link lags", 30)
        collectors.append(Collector(second))  # it comes last
        last = collectors[0].numbers["v"][-1] + 4

        def collect():
            for one in collectors:
                one.collect()
            return all(numbers[-1] >= last for one in collectors for numbers in one.numbers.values())

        wait_until(collect, 60, "all have come far enough")
    finally:
        cable.close()
    assert lagging.metric("weir_package_fetches_total") >= 2, "history, and what the link left out"
    assert made.edge.metric("weir_segments_without_parts_total") > 0, "its frames come irregularly"
    first, *others = collectors
    for other in others:
        shared = set(first.hashes) & set(other.hashes)
        assert len(shared) > 30
        for uri in shared:
            assert other.hashes[uri] == first.hashes[uri], uri
    for one in collectors:
        assert not one.gaps
        for numbers in one.numbers.values():
            assert numbers == list(range(numbers[0], numbers[-1] + 1)), "no number was left out"


def test_a_player_may_change_edges_with_every_request(cluster, encoder, clip_tags):
    made = cluster(edges=3, workers=2, origin={"package.segment": "1s", "package.part": "200ms"})
    encoder(made.origin.rtmp_port)
    players = [hls.Player(edge) for edge in made.edges]
    path = players[0].tracks()["v"]
    for player in players:
        player.tracks()
    playlist, seen, turn = players[0].media(path), {}, 0
    for _ in range(20):
        turn += 1
        player = players[turn % 3]
        playlist = player.media(path, f"_HLS_msn={playlist.last + 1}&_HLS_part={len(playlist.open_parts)}")
        for segment in playlist.segments:
            seen.setdefault(segment.msn, segment)
            assert seen[segment.msn].uri == segment.uri and seen[segment.msn].duration == segment.duration
        turn += 1
        players[turn % 3].fetch(path, playlist.segments[-1].uri)
        if playlist.hint:
            turn += 1
            players[turn % 3].fetch(path, playlist.hint)
    assert sorted(seen) == list(range(min(seen), max(seen) + 1))
