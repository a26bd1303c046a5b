"""The slate: a file's frames fill the gap while a stream waits for its publisher."""
import re
import time

import flv
import hls
import media
import pytest
import rtmp
import web
from process import SLOW, wait_until
from redis import RedisCluster
from weir import run_program, start_listed

STREAM = "streams/live/cam1"


@pytest.fixture(scope="session")
def slate(tmp_path_factory):
    """A picture of another size than the clip's, with sound, a few seconds long."""
    return media.make_clip(tmp_path_factory.mktemp("slate") / "slate.flv", seconds=3, size="160x90", bframes=0)


@pytest.fixture(scope="session")
def slate_tags(slate):
    return flv.read_file(slate)


def settings(slate, **more):
    return {"stream.slate": slate, "stream.slate_after": "300ms", **{k.replace("__", "."): v for k, v in more.items()}}


def publisher(node):
    """Its protocol; None: nobody publishes, or the stream is not there."""
    answer = web.request(node.http_port, f"/api/v1/{STREAM}")
    return answer.json().get("publisher", {}).get("protocol") if answer.status == 200 else None


def wait_slate(node, timeout=10):
    wait_until(lambda: publisher(node) == "slate", timeout, "the slate plays")


def next_config(viewer, timeout=10):
    """The payload of the next AVC configuration."""
    while True:
        message = viewer.read_message(timeout)
        if message.type == rtmp.VIDEO and message.tag().is_video_config():
            return message.payload


def config_of(tags):
    return next(tag.payload for tag in tags if tag.is_video_config())


def test_the_slate_fills_the_gap_and_a_publisher_ends_it(cluster, encoder, clip_tags, slate, slate_tags):
    """Whatever ingest.second says, and from wherever it comes."""
    made = cluster(origin=settings(slate, ingest__second="reject"))
    first = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        assert next_config(viewer) == config_of(clip_tags)
        before = viewer.next_frame(10)
        first.close()
        assert next_config(viewer) == config_of(slate_tags)
        seen = [viewer.next_frame(10, wanted=flv.Tag.is_keyframe)]
        assert seen[0].timestamp > before.timestamp, "time goes on"
        assert publisher(made.origin) == "slate"
        # More than once round: configurations are not told again, and nothing is said of repairs.
        while seen[-1].timestamp - seen[0].timestamp < 7000:
            seen.append(viewer.next_frame(10))
        frames = [frame for frame in seen if frame.type == rtmp.VIDEO]
        steps = [b.timestamp - a.timestamp for a, b in zip(frames, frames[1:])]
        assert 0 < min(steps) and max(steps) < 150, "the picture goes on evenly"
        warnings = [one["what"] for one in made.origin.api(STREAM)["warnings"]]
        with rtmp.Client(made.origin.rtmp_port, source="127.0.0.2") as second:
            assert second.publish("cam1") == "NetStream.Publish.Start"
            for tag in clip_tags[:90]:
                second.send_tag(tag)
            assert next_config(viewer) == config_of(clip_tags)
            after = viewer.next_frame(10, wanted=flv.Tag.is_keyframe)
            assert after.timestamp > seen[-1].timestamp
            assert publisher(made.origin) == "rtmp"
        wait_slate(made.origin)
    assert warnings == [], "the slate needs no repair"


def test_with_a_backup_the_slate_plays_only_when_both_are_gone(cluster, encoder, clip_tags, slate):
    made = cluster(origin=settings(slate, ingest__second="backup"))
    first = encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "the first publishes")
    second = encoder(made.origin.rtmp_port)
    wait_until(lambda: second.first_frame_at, 10, "the second is held ready")
    first.close()
    wait_until(lambda: len(made.origin.log_lines("publish ended")) == 1, 10, "the first has left")
    assert publisher(made.origin) == "rtmp" and not made.origin.log_lines("the slate fills the gap")
    second.close()
    wait_slate(made.origin)
    third = encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "whoever publishes has the name at once")
    assert third.answers == ["NetStream.Publish.Start"]
    wait_until(lambda: len(made.origin.log_lines("the slate ends")) == 1, 5, "the slate ends")


def test_the_stream_ends_with_its_grace_though_the_slate_plays(cluster, encoder, slate):
    made = cluster(origin=settings(slate, stream__grace="3s"))
    first = encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        first.close()
        wait_slate(made.origin)
        codes = []
        while "NetStream.Play.UnpublishNotify" not in codes:
            codes.append(viewer.wait_status(10)["code"])
    made.origin.wait_metric("weir_streams", 0)
    made.origin.wait_metric("weir_publishers", 0)
    made.origin.wait_metric("weir_logs", 0)


def test_a_publisher_that_comes_back_soon_is_not_interrupted(cluster, encoder, slate):
    made = cluster(origin=settings(slate, stream__slate_after="10m"))
    first = encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "it publishes")
    first.close()
    wait_until(lambda: made.origin.api(STREAM)["state"] == "waiting", 5, "the stream waits")
    encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "it publishes again")
    assert not made.origin.log_lines("the slate fills the gap")


@pytest.mark.parametrize("kind", ["flv", "rtmp", "hls of TS"])
def test_ffmpeg_decodes_across_the_slate_without_a_word(cluster, children, encoder, slate, kind):
    made = cluster(origin=settings(slate, package__segment="1s"))
    first = encoder(made.origin.rtmp_port)
    url = f"http://127.0.0.1:{made.edge.http_port}/live/cam1/ts/index.m3u8" if kind == "hls of TS" else \
        getattr(made.edge, kind)()
    player = children.start("player", [*media.FFMPEG, "-v", "info", "-i", url, "-map", "0:v", "-map", "0:a",
                                       "-vf", "scale=64:36,showinfo", "-f", "null", "-"])

    def shown():
        return len(re.findall(r"Parsed_showinfo_1.* n: *\d+", player.text()))

    def plays_on(frames, what):
        before = shown()
        wait_until(lambda: shown() > before + frames, 30, what)

    plays_on(30, "the player shows the publisher's picture")
    first.close()
    wait_slate(made.origin)
    plays_on(90, "the player shows the slate, round and round")
    encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "the publisher is back")
    plays_on(120, "the player shows the publisher again")
    assert player.running()
    text = player.text()  # before it is interrupted
    player.stop()
    # The null muxer counts in frames of the rate that was guessed at the start, and says so.
    wrong = re.compile(r"error|invalid|corrupt|non-existing|missing picture|concealing", re.I)
    complaints = [line for line in text.splitlines() if wrong.search(line) and not line.startswith("[null @")]
    assert complaints == []


def test_hls_players_get_the_slates_initialisation_and_a_discontinuity(cluster, encoder, slate, tmp_path):
    made = cluster(origin=settings(slate, package__segment="1s"))
    first = encoder(made.origin.rtmp_port)
    player = hls.Player(made.edge)
    path = player.tracks()["v"]
    before = player.media(path)
    first.close()
    wait_slate(made.origin)
    all_seen = {}

    def look():
        playlist = player.media(path)
        for one in playlist.segments:
            if one.msn in all_seen or one.msn < before.last:
                continue
            all_seen[one.msn] = one
            if not one.gap:
                file = tmp_path / f"{one.msn}.mp4"
                file.write_bytes(player.fetch(path, one.init) + player.fetch(path, one.uri))
        return playlist

    wait_until(lambda: look().last >= before.last + 4, 20, "segments of the slate")
    encoder(made.origin.rtmp_port)
    wait_until(lambda: publisher(made.origin) == "rtmp", 10, "the publisher is back")
    back = look().last
    after = wait_until(lambda: (lambda one: one if one.last >= back + 4 else None)(look()), 20, "segments of the publisher")
    inits = []
    for msn in sorted(all_seen):
        one = all_seen[msn]
        if one.gap:
            continue
        if not inits or inits[-1] != one.init:
            assert not inits or one.discontinuity, f"{one.msn} has another init"
            inits.append(one.init)
        assert media.decode_complaints(str(tmp_path / f"{msn}.mp4"), 10) == ""
    assert len(inits) == 3, "publisher, slate, publisher"
    numbers = sorted(all_seen)
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert after.discontinuity_sequence <= 2


def test_a_file_that_cannot_be_played_is_refused_at_the_start(tmp_path, clip):
    broken = tmp_path / "broken.flv"
    broken.write_bytes(clip.read_bytes()[:-100])
    text = tmp_path / "text.flv"
    text.write_text("no film")
    for path, why in ((tmp_path / "none.flv", "No such file"), (broken, "cut short"), (text, "no FLV file")):
        for option in ([], ["--check"]):
            done = run_program("origin", *option, "--set", f"stream.slate={path}")
            assert done.returncode == 1, done
            assert f"stream.slate: {path} cannot be used: " in done.stderr and why in done.stderr
    done = run_program("origin", "--check", "--set", f"stream.slate={clip}")
    assert done.returncode == 0, done.stderr


# --- across origins ---


@pytest.fixture
def origins(children, slate):
    """Makes clusters by Redis whose origins have the slate: origins(3, origin={…})."""
    made = []

    def make(count, origin=None, **options):
        made.append(RedisCluster(children, origins=count, edges=1, origin={**settings(slate), **(origin or {})}, **options))
        one = made[-1]
        for node in one.origins:
            others = {(peer.name, peer.relay) for peer in one.origins if peer is not node}
            wait_until(lambda node=node, others=others: others <= {
                (peer["id"], peer["address"]) for peer in node.api("nodes")["nodes"] if peer["state"] == "up"}, 10,
                f"{node.name} is linked to the other origins")
        return one

    yield make
    for one in made:
        one.finish()


def owner_of(cluster):
    """The origin that has the stream by the map."""
    name = cluster.stream().get("origin")
    return next((node for node in cluster.origins if node.name == name), None)


def wait_heir(cluster, dead):
    """The living origin that took the stream on with the slate; there is one only."""
    heir = wait_until(lambda: (lambda one: one if one and one not in dead and publisher(one) == "slate" else None)(
        owner_of(cluster)), 20, "another origin takes the stream on with the slate")
    others = [node for node in cluster.origins if node not in dead and node is not heir]
    assert [publisher(node) for node in others] == [None] * len(others)
    return heir


@pytest.mark.parametrize("workers", [1, 2])
def test_the_slate_survives_the_death_of_origins(origins, encoder, clip_tags, slate_tags, workers):
    made = origins(3, workers=workers, origin={"stream.grace": "60s"})
    encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port, timeout=20 * SLOW) as viewer:
        viewer.play("cam1")
        assert next_config(viewer) == config_of(clip_tags)
        last = viewer.next_frame(10)
        run = made.stream()["run"]
        dead = [made.origins[0]]
        dead[0].kill()
        killed = time.monotonic()
        assert next_config(viewer, 20 * SLOW) == config_of(slate_tags)
        print(f"the slate is seen {time.monotonic() - killed:.1f} s after its origin's death")
        heir = wait_heir(made, dead)
        frame = viewer.next_frame(10, wanted=flv.Tag.is_keyframe)
        assert frame.timestamp > last.timestamp and made.stream()["run"] == run, "the run goes on"
        assert made.stream()["state"] == "filled", "whoever publishes may have the name"

        heir.kill()
        dead.append(heir)
        second = wait_heir(made, dead)
        after = viewer.next_frame(20 * SLOW, wanted=flv.Tag.is_keyframe)
        assert after.timestamp > frame.timestamp

        encoder(second.rtmp_port)
        while next_config(viewer, 20 * SLOW) != config_of(clip_tags):
            pass
        assert viewer.next_frame(10, wanted=flv.Tag.is_keyframe).timestamp > after.timestamp
        assert [status["code"] for status in viewer.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]


def test_an_origin_that_holds_a_copy_goes_on_with_the_slate(origins, encoder, clip_tags, slate_tags):
    made = origins(4, origin={"stream.replicas": "1"})
    encoder(made.origins[0].rtmp_port)

    def role(node):
        answer = web.request(node.http_port, f"/api/v1/{STREAM}")
        return answer.json().get("role") if answer.status == 200 else None

    wait_until(lambda: made.stream().get("replicas", "").strip(), 10, "the map knows the copy")
    holder = next(node for node in made.origins if role(node) == "replica")
    with rtmp.Client(made.edges[0].rtmp_port, timeout=20 * SLOW) as viewer:
        viewer.play("cam1")
        assert next_config(viewer) == config_of(clip_tags)
        viewer.next_frame(10)
        made.origins[0].kill()
        assert next_config(viewer, 20 * SLOW) == config_of(slate_tags)
        assert wait_heir(made, [made.origins[0]]) is holder


def test_a_slate_goes_on_elsewhere_when_its_origin_is_stopped(origins, encoder, slate_tags):
    made = origins(2, origin={"stream.grace": "60s"})
    first = encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port, timeout=20 * SLOW) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        first.close()
        wait_slate(made.origins[0])
        before = next_config(viewer, 20 * SLOW)
        while before != config_of(slate_tags):
            before = next_config(viewer, 20 * SLOW)
        made.origins[0].terminate(timeout=20)
        assert wait_heir(made, [made.origins[0]]) is made.origins[1]
        viewer.next_frame(20 * SLOW, wanted=flv.Tag.is_keyframe)


def test_a_slate_at_one_origin_gives_way_to_a_publisher_at_another(origins, encoder, clip_tags):
    made = origins(2, origin={"ingest.second": "reject"})
    first = encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        first.close()
        wait_slate(made.origins[0])
        second = encoder(made.origins[1].rtmp_port)
        wait_until(lambda: second.first_frame_at, 10, "the encoder publishes at the other origin")
        assert second.answers == ["NetStream.Publish.Start"]
        while next_config(viewer) != config_of(clip_tags):
            pass
        wait_until(lambda: publisher(made.origins[0]) is None, 10, "the slate is let go")


def test_without_a_map_a_slate_gives_way_at_another_origin_too(nodes, encoder, slate, clip_tags):
    made = [nodes("origin", {**settings(slate), "ingest.second": "reject"}, name=name) for name in ("one", "two")]
    start_listed(made)
    for node, other in (made, made[::-1]):
        wait_until(lambda: any(peer["id"] == other.name and peer["state"] == "up" for peer in node.api("nodes")["nodes"]), 10,
                   f"{node.name} is linked")
    first = encoder(made[0].rtmp_port)
    wait_until(lambda: first.first_frame_at, 10, "the encoder publishes")
    first.close()
    wait_slate(made[0])
    wait_until(lambda: made[0].api(STREAM)["state"] == "live", 10, "its frames are there")
    second = encoder(made[1].rtmp_port)
    wait_until(lambda: publisher(made[1]) == "rtmp", 10, "the encoder publishes at the other origin")
    assert second.answers == ["NetStream.Publish.Start"]
    wait_until(lambda: publisher(made[0]) is None, 10, "the slate is let go")


# --- other tracks ---


def of_kind(tags, kind):
    return [tag for tag in tags if tag.type == kind]


@pytest.mark.parametrize("kind, name", [(flv.AUDIO, "a"), (flv.VIDEO, "v")])
def test_a_slate_of_other_tracks_brings_them_and_takes_them_away(cluster, encoder, clip_tags, slate, tmp_path, kind,
                                                                  name):
    """The publisher has sound alone, or a picture alone; the slate has both."""
    made = cluster(origin=settings(slate, package__segment="1s"))
    other = flv.VIDEO if kind == flv.AUDIO else flv.AUDIO
    first = encoder(made.origin.rtmp_port, of_kind(clip_tags, kind))
    player = hls.Player(made.edge)
    assert set(player.tracks(timeout=30 * SLOW)) == {name}

    def wait_tracks(names):
        wait_until(lambda: set(player.tracks(timeout=30 * SLOW)) == names, 20, f"the tracks {names} in the playlist")

    def next_frame_of(viewer, wanted):
        return viewer.next_frame(20 * SLOW, wanted=lambda tag: tag.type == wanted and tag.is_frame())

    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        before = next_frame_of(viewer, kind)
        assert len(made.origin.api(STREAM)["tracks"]) == 1
        first.close()
        during = next_frame_of(viewer, other)
        assert during.timestamp > before.timestamp
        wait_tracks({"a", "v"})
        for path in player.tracks().values():
            newest = player.media(path).segments[-1]
            whole = tmp_path / "newest.mp4"
            whole.write_bytes(player.fetch(path, newest.init) + player.fetch(path, newest.uri))
            assert media.decode_complaints(str(whole), 5) == ""
        assert any(one.discontinuity for one in player.media(player.tracks()[name]).segments)
        encoder(made.origin.rtmp_port, of_kind(clip_tags, kind))
        wait_until(lambda: publisher(made.origin) == "rtmp", 10, "the publisher is back")
        wait_tracks({name})
        assert len(made.origin.api(STREAM)["tracks"]) == 1
        while next_frame_of(viewer, kind).timestamp < during.timestamp + 4000:
            pass  # what was sent meanwhile, then the publisher's
