"""Cables are cut, packets are lost, and partitions heal."""
import time

from nodes import SLOW_LINE
from process import wait_until


def link_state(edge, origin):
    return next((one["state"] for one in edge.api("nodes")["nodes"] if one["id"] == origin.name), "unknown")


def story_cable_between_edge_and_origin(cluster):
    """Nothing passes between an edge and the origin, and nobody is told. The link goes on where it was; no frame is lost."""
    c = cluster()
    c.publish()
    audience = c.watch()
    origin, edge = c.origins[0], c.edges[0]
    edge.host.part(origin.host)
    cut = time.monotonic()
    wait_until(lambda: link_state(edge, origin) != "up", 10, "the edge gives the link up")
    c.figure("a silent link is dead after", 1000 * (time.monotonic() - cut), wanted=4000, bound=6000)
    edge.host.clear()
    healed = time.monotonic()
    here = audience.at(edge)
    here.wait_frames_after(healed)
    c.figure("frames again after the cable is whole", 1000 * max(
        next(frame.arrival for frame in one.frames if frame.arrival > healed) - healed for one in here.live), wanted=2000,
        bound=5000)
    audience.assert_none_closed()


def story_one_way_partition(cluster):
    """What an origin sends does not reach an edge, then the other way round; each time the link heals by itself."""
    c = cluster()
    c.publish()
    audience = c.watch()
    origin, edge = c.origins[0], c.edges[0]
    for deaf, mute in ((edge, origin), (origin, edge)):
        deaf.host.deafen(mute.host)
        wait_until(lambda: link_state(edge, origin) != "up", 10, "the edge gives the link up")
        deaf.host.clear()
        healed = time.monotonic()
        audience.wait_frames_after(healed)
        c.figure(f"frames again after {deaf.role} hears {mute.role}", 1000 * (time.monotonic() - healed), wanted=2000, bound=5000)
    audience.assert_none_closed()


def story_cable_between_origin_and_redis(cluster):
    """An origin loses Redis for longer than its key lives. Nothing is seen of it, and it is back in the map at once."""
    c = cluster()
    encoder = c.publish()
    audience = c.watch(c.edges[:2])
    epoch = c.redis.stream()["epoch"]
    c.origins[0].host.part(c.redis.machine)
    cut = time.monotonic()
    wait_until(lambda: "weir:node:origin1" not in c.redis.keys(), 20, "the origin is gone from the map")
    c.watch(c.edges[2:])  # which never saw the stream
    c.origins[0].host.clear()
    healed = time.monotonic()
    wait_until(lambda: "weir:node:origin1" in c.redis.keys(), 10, "the origin is in the map again")
    c.figure("back in the map after", 1000 * (time.monotonic() - healed), wanted=2000, bound=5000)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=500, bound=1000)
    assert c.redis.stream()["epoch"] == epoch
    assert len(encoder.connections) == 1, "the publisher notices nothing"
    audience.assert_none_closed()


def story_cable_between_encoder_and_origin(cluster):
    """The encoder's cable is cut; it goes to another origin while the first still believes in the old connection."""
    c = cluster()
    encoder = c.publish()
    audience = c.watch()
    old = encoder.present
    c.origins[0].host.cut("public")
    encoder.move()
    again = c.wait_again(encoder, old)
    audience.wait_source(again.source)
    c.figure("its publish is accepted after", 1000 * (again.first - again.began), wanted=500, bound=2000)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(again), wanted=500, bound=3000)
    c.origins[0].host.mend("public")
    audience.assert_none_closed()


def story_partition_healed(cluster):
    """An origin is cut off from edges and Redis with its encoder; another publishes elsewhere; then the cable is whole again."""
    c = cluster()
    first = c.publish(retry=False)
    audience = c.watch()
    c.origins[0].host.cut("private")
    cut = time.monotonic()
    second = c.publish(c.origins[1], publisher=2)
    audience.wait_source(second.present.source)
    c.figure("silence at RTMP and FLV viewers", audience.silence(cut), wanted=4000, bound=8000)
    c.origins[0].host.mend("private")
    healed = time.monotonic()
    c.wait_one_owner(timeout=15)
    c.figure("one owner after the partition healed", 1000 * (time.monotonic() - healed), wanted=2000, bound=8000)
    assert c.owner() == "origin2", "the highest epoch"
    wait_until(lambda: first.connections[0].ended, 5, "the first encoder is told to go")
    audience.wait_frames_after(time.monotonic())
    audience.assert_none_closed()


def story_loss_and_delay(cluster):
    """5 % of the packets between nodes are lost, and the rest come 200 ms later: viewers get all frames."""
    c = cluster(delay_ms=200)
    for origin in c.origins:
        origin.host.lose(5, SLOW_LINE)
    c.publish()
    audience = c.watch()
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + 8, 10, "eight seconds of it")
    c.figure("a player's stall in 8 s", audience.stalled(began, began + 8), bound=2000)
    c.figure("silence at RTMP and FLV viewers", audience.silence(began, began + 8), wanted=2000, bound=5000)
    audience.assert_none_closed()
