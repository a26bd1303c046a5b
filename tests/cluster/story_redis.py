"""Redis dies, hangs and forgets."""
import time

from process import wait_until


def away(c, audience, encoder, seconds):
    """What must hold while Redis does not answer: nobody notices, and new viewers and publishers are served."""
    began = time.monotonic()
    c.watch(c.edges[2:])  # an edge that never saw the stream
    other = c.publish(c.origins[1], publisher=2, name="cam2")
    c.watch(c.edges[:1], name="live/cam2")
    wait_until(lambda: time.monotonic() > began + seconds, seconds + 5, "the time passes")
    c.figure(f"silence at RTMP and FLV viewers in {seconds} s", audience.silence(began), wanted=500, bound=1000)
    c.figure(f"a player's stall in {seconds} s", audience.stalled(began), wanted=0, bound=1000)
    assert len(encoder.connections) == len(other.connections) == 1, "publishers notice nothing"
    audience.assert_none_closed()


def filled(c):
    return c.redis.up() and c.owner() == "origin1" and c.owner("live/cam2") == "origin2"


def story_redis_away(cluster):
    """Redis is killed, is away for a minute, and comes back empty."""
    c = cluster()
    encoder = c.publish()
    audience = c.watch(c.edges[:2])
    epoch = int(c.redis.stream()["epoch"])
    c.redis.stop()
    away(c, audience, encoder, 60)
    c.redis.start()
    back = time.monotonic()
    wait_until(lambda: filled(c), 10, "the map is filled again")
    c.figure("the map is filled again after", 1000 * (time.monotonic() - back), wanted=2000, bound=5000)
    assert int(c.redis.stream()["epoch"]) >= epoch, "no epoch falls"
    audience.assert_none_closed()


def story_redis_paused(cluster):
    """Redis hangs (SIGSTOP): connections stay open, and nothing is answered."""
    c = cluster()
    encoder = c.publish()
    audience = c.watch(c.edges[:2])
    c.redis.pause()
    away(c, audience, encoder, 8)
    c.redis.resume()
    back = time.monotonic()
    wait_until(lambda: filled(c), 10, "the map is right again")
    c.figure("the map is right again after", 1000 * (time.monotonic() - back), wanted=2000, bound=5000)


def story_two_publishers_without_redis(cluster):
    """While Redis is away two origins take the same name, for neither knows of the other. When it is back, one stays."""
    c = cluster()
    first = c.publish(retry=False)
    audience = c.watch()
    c.redis.stop()
    second = c.publish(c.origins[1], publisher=2, retry=False)
    audience.wait_source(second.present.source)
    c.redis.start()
    back = time.monotonic()
    c.wait_one_owner(timeout=15)
    c.figure("one owner after Redis is back", 1000 * (time.monotonic() - back), wanted=2000, bound=8000)
    assert c.owner() == "origin2", "the highest epoch"
    wait_until(lambda: first.connections[0].ended, 5, "the first encoder is told to go")
    audience.wait_frames_after(time.monotonic())
    audience.assert_none_closed()


def story_sentinel_failover(cluster):
    """The master is killed; the Sentinels make its replica the master. Nobody notices, and nothing falls out of the map."""
    c = cluster(sentinels=True)
    encoder = c.publish()
    audience = c.watch(c.edges[:2])
    epoch, old = c.redis.stream()["epoch"], c.redis.master
    old.stop()
    killed = time.monotonic()
    other = c.publish(c.origins[1], publisher=2, name="cam2")  # while there is no master
    c.watch(c.edges[2:])
    wait_until(lambda: c.redis.master is not old and filled(c), 30, "the map is whole at the new master")
    c.figure("the map is whole at the new master after", 1000 * (time.monotonic() - killed), bound=15000)
    c.figure("silence at RTMP and FLV viewers", audience.silence(killed), wanted=500, bound=1000)
    c.figure("a player's stall", audience.stalled(killed), wanted=0, bound=1000)
    assert c.redis.stream()["epoch"] == epoch
    assert len(encoder.connections) == len(other.connections) == 1, "publishers notice nothing"
    audience.assert_none_closed()
