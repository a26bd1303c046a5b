"""Encoders come back, come twice, and come with something else."""
import time

from process import wait_until


def story_half_open_socket(cluster):
    """An encoder's address is taken away in mid-stream; it comes back to the same origin, which believes that it is there."""
    c = cluster()
    encoder = c.publish(c.origins[0])
    audience = c.watch()
    old = encoder.present
    encoder.vanish()
    again = c.wait_again(encoder, old)
    assert encoder.connections[1:] == [again], "the first attempt is accepted"
    audience.wait_source(again.source)
    c.figure("its reconnect is accepted after", 1000 * (again.first - again.began), wanted=500, bound=2000)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(again), wanted=500, bound=3000)
    audience.assert_none_closed()


def story_other_codecs_elsewhere(cluster, other_tags):
    """The encoder's spare takes over at another origin with another resolution and rate, and with B-frames."""
    c = cluster()
    first = c.publish()
    audience = c.watch()
    first.close()
    second = c.publish(c.origins[1], publisher=2, tags=other_tags)
    source = second.present.source
    audience.wait_source(source)
    c.figure("first keyframe at all RTMP and FLV viewers", audience.first_of(second.present), wanted=500, bound=3000)
    for one in audience.live:
        at = one.first_of(source)
        configs = [tag for arrival, tag in one.configs if tag.is_video_config()]
        assert len({tag.payload for tag in configs}) == 2, f"{one.who} gets the new configuration"
        assert max(arrival for arrival, tag in one.configs if tag.is_video_config()) <= at
    for one in audience.players:
        video = next(track for track in one.tracks if track.name == "v")
        wait_until(lambda: len(video.inits) == 2, 10, f"{one.who} gets the new configuration")
    audience.assert_none_closed()


def story_two_encoders_fight(cluster):
    """Two encoders with one name, each of which comes back whenever it is put out: one stays."""
    c = cluster()
    one = c.publish(c.origins[0], c.origins[0])
    audience = c.watch(c.edges[:2])
    two = c.encoder([c.origins[1]], publisher=2)
    wait_until(lambda: any(x.answer == "NetStream.Publish.BadName" for x in one.connections + two.connections), 20,
               "one of them is refused")
    settled = time.monotonic()
    wait_until(lambda: time.monotonic() > settled + 5, 10, "five seconds of peace")
    took = len(one.accepted) + len(two.accepted) - 1
    c.figure("takeovers until one stays", took, unit="", wanted=4, bound=6)
    late = [x for x in one.accepted + two.accepted if x.began > settled]
    assert not late, f"nobody takes the name from the holder: {late}"
    audience.wait_frames_after(time.monotonic())
    audience.assert_none_closed()
    c.wait_one_owner()


def story_hundred_reconnects(cluster):
    """An encoder that loses its connection a hundred times, and goes from one origin to the next."""
    c = cluster(edges=2)
    encoder = c.publish(pause=0.1)  # quicker than any that has to connect its input again
    audience = c.watch()
    delays = []
    for _ in range(100):
        old = encoder.present
        encoder.move()
        again = c.wait_again(encoder, old)
        delays.append(again.first - again.began)
        audience.wait_live_source(again.source)
    audience.wait_source(again.source)
    c.figure("a publish is accepted after", 1000 * max(delays), wanted=500, bound=3000)
    assert len(encoder.connections) == 101, "no attempt is refused"
    audience.assert_none_closed()
    c.wait_one_owner()
