"""Origins die, hang, and lose their cables; encoders publish elsewhere."""
import time

from process import wait_until


def story_origin_killed(cluster):
    """An origin is killed. Its encoder connects to the next one at once, and viewers of every kind stay."""
    c = cluster()
    encoder = c.publish()
    audience = c.watch()
    killed = encoder.present
    c.origins[0].kill()
    again = c.wait_again(encoder, killed)
    audience.wait_source(again.source)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(again), wanted=500, bound=3000)
    gap = 1000 * (again.first - killed.last)
    c.figure("a player's stall beyond the encoder's own gap", max(0, audience.stalled(killed.last) - gap), wanted=500,
             bound=3000)
    audience.assert_none_closed()
    c.wait_one_owner()


def story_origin_hung(cluster):
    """An origin hangs (SIGSTOP) with its encoder. Another encoder publishes elsewhere; the first origin wakes up and lets go."""
    c = cluster()
    first = c.publish(retry=False)
    audience = c.watch()
    c.origins[0].pause()
    hung = time.monotonic()
    second = c.publish(c.origins[1], publisher=2)
    audience.wait_source(second.present.source)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(second.present), wanted=500, bound=3000)
    c.figure("silence at RTMP and FLV viewers", audience.silence(hung), wanted=4000, bound=8000)
    c.origins[0].resume()
    awake = time.monotonic()
    wait_until(lambda: first.connections[0].ended, 15, "the first encoder is told to go")
    c.figure("the hung origin lets go after it woke up", 1000 * (first.connections[0].ended - awake), wanted=2000, bound=5000)
    audience.wait_frames_after(time.monotonic())
    audience.assert_none_closed()
    assert c.owner() == "origin2"
    c.wait_one_owner()


def story_origin_and_edge_killed(cluster):
    """An origin and an edge die together. The viewers of the other edges stay; a player that knows other edges goes on there."""
    c = cluster()
    encoder = c.publish()
    safe = c.watch(c.edges[1:])
    doomed = c.watch(c.edges[:1])
    killed = encoder.present
    c.origins[0].kill()
    c.edges[0].kill()
    again = c.wait_again(encoder, killed)
    safe.wait_source(again.source)
    c.figure("first keyframe at all RTMP and FLV viewers of the others", safe.first_of(again), wanted=500, bound=3000)
    safe.assert_none_closed()
    c.edges[0].start()
    for one in doomed.players:
        wait_until(lambda: one.first_of(again.source), 15, f"{one.who} goes on at the restarted edge")
    c.wait_one_owner()
