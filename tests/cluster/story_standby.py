"""What takes over when an origin is gone: copies of its logs, and a slate."""
import time

import media
import pytest
from process import wait_until


def holder_of(c):
    """The origin that holds a copy of the stream."""
    names = wait_until(lambda: c.redis.stream().get("replicas"), 10, "the map names who holds a copy")
    return next(one for one in c.origins if one.name in names)


def story_origin_killed_with_a_copy(cluster):
    """An origin is killed whose logs another one holds: what the encoder had sent reaches all viewers."""
    c = cluster(origin={"stream.replicas": 1})
    encoder = c.publish()
    audience = c.watch()
    holder_of(c)
    killed = encoder.present
    c.origins[0].kill()
    again = c.wait_again(encoder, killed)
    audience.wait_source(again.source)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(again), wanted=500, bound=3000)
    gap = 1000 * (again.first - killed.last)
    c.figure("a player's stall beyond the encoder's own gap", max(0, audience.stalled(killed.last) - gap), wanted=500,
             bound=3000)
    sent = killed.sent["v"]
    lacking = max(sent - max(one.stamp.counter for one in viewer.frames
                             if one.stamp.source == killed.source and one.stamp.track == "v") for viewer in audience.live)
    c.figure("frames that the encoder wrote and viewers lack", lacking, unit="", bound=5)
    audience.assert_none_closed()
    c.wait_one_owner()


def story_cut_off_from_the_owner(cluster):
    """An edge and the origin no longer reach each other, and nobody is told; another origin has a copy. It stays so."""
    c = cluster(origin={"stream.replicas": 1})
    c.publish()
    audience = c.watch()
    holder_of(c)
    edge = c.edges[0]
    edge.host.part(c.origins[0].host)
    cut = time.monotonic()
    here = audience.at(edge)
    here.wait_frames_after(cut + 1)
    c.figure("silence at RTMP and FLV viewers", here.silence(cut), wanted=4000, bound=8000)
    wait_until(lambda: time.monotonic() > cut + 10, 12, "ten seconds of it")
    here.wait_frames_after(time.monotonic())
    audience.assert_none_closed()


@pytest.fixture
def slate(tmp_path):
    """Two seconds of another picture. Its frames carry no stamps."""
    return media.make_clip(tmp_path / "slate.flv", seconds=2, rate=25, bframes=0, size="160x90")


def story_slate(cluster, slate):
    """An origin dies and no encoder comes back for a while: another origin goes on with the slate."""
    c = cluster(origin={"stream.slate": slate, "stream.slate_after": "500ms", "stream.grace": "20s"})
    first = c.publish(retry=False)
    audience = c.watch()
    c.witness().unstamped = True
    c.origins[0].kill()
    killed = time.monotonic()
    for one in audience.live:
        wait_until(lambda: one.plain and one.plain[-1] > killed, 15, f"{one.who} sees the slate")
    c.figure("the slate at all RTMP and FLV viewers after", 1000 * max(
        next(at for at in one.plain if at > killed) - killed for one in audience.live), wanted=5000, bound=10000)
    assert first.connections[0].ended
    second = c.publish(c.origins[1], publisher=2)
    audience.wait_source(second.present.source)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(second.present), wanted=500, bound=3000)
    audience.assert_none_closed()
    c.wait_one_owner()


def story_aligned_encoders(cluster):
    """Two encoders of one source publish one name from two places; the first is killed. No frame is lost or repeated."""
    c = cluster(origin={"ingest.second": "backup"})
    clock = time.monotonic()
    first = c.publish(c.origins[0], clock=clock, retry=False)
    c.publish(c.origins[0], clock=clock, retry=False, host=c.lab.host("studio2"))
    audience = c.watch()
    wait_until(lambda: (c.standby() or {}).get("aligned"), 20, "the two are aligned")
    first.move()
    cut = time.monotonic()
    audience.wait_frames_after(cut + 3)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=4000, bound=8000)
    c.figure("a player's stall", audience.stalled(cut), wanted=0, bound=2000)
    c.figure("frames lost or repeated", sum(audience.lost().values()), unit="", wanted=0, bound=0)
    audience.assert_none_closed()


def story_aligned_encoder_hangs(cluster):
    """The same; the first encoder's cable is cut, and nobody is told. The other goes on when the first has stalled."""
    c = cluster(origin={"ingest.second": "backup"})
    clock = time.monotonic()
    c.publish(c.origins[0], clock=clock, retry=False, host=c.lab.host("studio2"), patience=20)
    c.publish(c.origins[0], clock=clock, retry=False)
    audience = c.watch()
    wait_until(lambda: (c.standby() or {}).get("aligned"), 20, "the two are aligned")
    c.encoders[0].host.cut("public")
    cut = time.monotonic()
    audience.wait_frames_after(cut + 5)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=4000, bound=8000)
    c.figure("frames lost or repeated", sum(audience.lost().values()), unit="", wanted=0, bound=0)
    audience.assert_none_closed()
    c.encoders[0].host.mend("public")


def aligned_at_two_origins(cluster):
    """The cluster, its audience, and two aligned encoders, each at an origin of its own. The second one's origin holds a
    copy of the stream, and has had time to get some GOPs of its encoder."""
    c = cluster(origin={"ingest.second": "backup", "stream.replicas": 1})
    clock = time.monotonic()
    c.publish(c.origins[0], clock=clock, retry=False)
    second = c.publish(c.origins[1], clock=clock, retry=False, host=c.lab.host("studio2"))
    audience = c.watch()
    wait_until(lambda: (c.standby() or {}).get("aligned"), 20, "the two are aligned")
    wait_until(lambda: holder_of(c) is c.origins[1], 10, "the copy is where the standby is")
    began = second.present.first
    wait_until(lambda: second.present.last > began + 6, 20, "the second origin has some GOPs")
    return c, audience


def story_aligned_encoders_at_two_origins(cluster):
    """Two encoders of one source publish one name, each to an origin of its own; the origin that has the stream is killed.
    No frame is lost or repeated."""
    c, audience = aligned_at_two_origins(cluster)
    c.origins[0].kill()
    cut = time.monotonic()
    audience.wait_frames_after(cut + 4)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=4000, bound=8000)
    c.figure("a player's stall", audience.stalled(cut), wanted=0, bound=5000)
    c.figure("frames lost or repeated", sum(audience.lost().values()), unit="", wanted=0, bound=0)
    audience.assert_none_closed()
    c.wait_one_owner()


def story_aligned_encoders_and_a_hung_origin(cluster):
    """The same; the origin that has the stream hangs, and comes back when the stream has gone on at the other."""
    c, audience = aligned_at_two_origins(cluster)
    c.origins[0].pause()
    cut = time.monotonic()
    audience.wait_frames_after(cut + 6)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=4000, bound=8000)
    c.figure("frames lost or repeated", sum(audience.lost().values()), unit="", wanted=0, bound=0)
    c.origins[0].resume()
    c.wait_one_owner()
    audience.wait_frames_after(time.monotonic() + 1)
    c.figure("frames lost or repeated after it is back", sum(audience.lost().values()), unit="", wanted=0, bound=0)
    audience.assert_none_closed()
