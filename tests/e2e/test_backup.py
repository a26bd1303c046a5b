"""Two encoders publish one name: the second is held ready, and the stream changes to it when the first fails."""
import signal
import time

import flv
import pytest
import relay
import web
from cable import Cable
from process import SLOW, wait_until
from program import Program, ProgramEncoder, ProgramWatcher
from redis import Redis
from weir import start_listed

BACKUP = {"ingest.second": "backup"}


@pytest.fixture
def open_things():
    """Encoders and watchers to close at the end, the newest first."""
    opened = []
    yield lambda one: opened.append(one) or one
    for one in reversed(opened):
        one.close()


def stream(node):
    return node.api("streams/live/cam1")


def standby(node):
    return stream(node).get("standby")


def switches(node, reason):
    return node.metric(f'weir_standby_switches_total{{reason="{reason}"}}')


def post_switch(node, name="live/cam1"):
    return web.request(node.http_port, f"/api/v1/streams/{name}/switch", method="POST")


@pytest.fixture
def pair(cluster, clip_tags, open_things):
    """A cluster, two encoders of one programme, and a viewer; aligned unless told otherwise."""
    def make(aligned=True, delay=0.15, other=None, **settings):
        made = cluster(origin={**BACKUP, **settings})
        program = Program(clip_tags)
        first = open_things(ProgramEncoder(made.origin.rtmp_port, program, base=5000))
        wait_until(lambda: first.sent, 10, "the first encoder sends")
        viewer = open_things(ProgramWatcher(made.edge.rtmp_port))
        second = open_things(ProgramEncoder(made.origin.rtmp_port, other or program, base=0xFFFFF000, delay=delay))
        assert first.answer == second.answer == "NetStream.Publish.Start"
        if aligned:
            wait_until(lambda: standby(made.origin)["aligned"], 15, "the two are aligned")
        else:
            wait_until(lambda: standby(made.origin), 5, "there is a standby")
        return made, first, second, viewer
    return make


def see_until(viewer, number, what):
    wait_until(lambda: viewer.newest() >= number, 15, what)


@pytest.mark.parametrize("delay", [0.15, -0.15], ids=["late", "ahead"])
def test_an_aligned_standby_goes_on_without_a_frame_lost_or_repeated(pair, delay):
    made, first, second, viewer = pair(delay=delay)
    before = stream(made.origin)
    first.close()
    see_until(viewer, first.sent[-1] + 100, "the viewer sees the second encoder")
    assert viewer.holes() == []
    after = stream(made.origin)
    assert (after["epoch"], after["run"]) == (before["epoch"], before["run"])
    assert after["timeline"]["discontinuities"] == before["timeline"]["discontinuities"] == 0
    assert after["publisher"]["seat"] == "backup" and after["standby"] is None
    assert switches(made.origin, "lost") == 1
    times = [frame[3] for frame in viewer.frames if frame[0] == 9]
    assert max(b - a for a, b in zip(times, times[1:])) < 100, "media time goes on"
    assert viewer.longest_gap() < 1 * SLOW


def test_a_silent_holder_is_left_and_becomes_the_standby(pair):
    made, first, second, viewer = pair(**{"ingest.stall": "1s"})
    first.stall()
    number = first.sent[-1]
    see_until(viewer, number + 100, "the viewer sees the second encoder")
    assert switches(made.origin, "stalled") == 1
    assert viewer.holes() == []
    assert viewer.longest_gap() < 2.5 * SLOW
    assert standby(made.origin)["seat"] == "primary"
    assert not standby(made.origin)["healthy"]


def test_another_encoders_stream_goes_on_with_one_discontinuity(pair, clip_tags):
    made, first, second, viewer = pair(aligned=False, other=Program(clip_tags, salt=b"other"))
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    before = stream(made.origin)
    assert not before["standby"]["aligned"] and before["standby"]["why"]
    first.close()
    number = second.sent[-1]
    wait_until(lambda: viewer.newest(b"other") > number + 30, 15, "the viewer sees the second encoder")
    after = stream(made.origin)
    assert after["run"] == before["run"] and int(after["epoch"]) > int(before["epoch"])
    assert after["timeline"]["discontinuities"] == 1
    salts = [frame[2] for frame in viewer.frames]
    assert salts.index(b"other") + salts.count(b"other") == len(salts), "the one, then the other"
    others = [frame[1] for frame in viewer.frames if frame[2] == b"other"]
    assert sorted(others) == list(range(min(others), max(others) + 1))
    assert viewer.longest_gap() < 1 * SLOW


def test_the_api_switches_there_and_back_seamlessly(pair):
    made, first, second, viewer = pair()
    for nth, (holder, other) in enumerate([("primary", "backup"), ("backup", "primary"), ("primary", "backup")]):
        wait_until(lambda: standby(made.origin)["aligned"], 15, "the two are aligned")
        assert stream(made.origin)["publisher"]["seat"] == holder
        answer = post_switch(made.origin)
        assert answer.status == 200 and answer.json() == {"stream": "live/cam1", "seamless": True}
        assert stream(made.origin)["publisher"]["seat"] == other
        assert switches(made.origin, "api") == nth + 1
        see_until(viewer, viewer.newest() + 60, "the viewer goes on")
    assert viewer.holes() == []
    assert viewer.longest_gap() < 1 * SLOW


def test_encoders_that_differ_take_turns_by_the_api(pair, clip_tags):
    made, first, second, viewer = pair(aligned=False, other=Program(clip_tags, salt=b"other"))
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    for nth, (encoder, salt) in enumerate([(second, b"other"), (first, b"")]):
        answer = post_switch(made.origin)
        assert answer.status == 202 and not answer.json()["seamless"]
        number = encoder.sent[-1]
        wait_until(lambda: viewer.newest(salt) > number + 60, 15, "the viewer sees the other encoder")
        assert stream(made.origin)["timeline"]["discontinuities"] == nth + 1
    salts = [frame[2] for frame in viewer.frames]
    changes = [(a, b) for a, b in zip(salts, salts[1:]) if a != b]
    assert changes == [(b"", b"other"), (b"other", b"")]
    assert made.origin.metric("weir_standbys") == 1


def test_the_api_says_why_it_cannot_switch(cluster, encoder):
    made = cluster(origin=BACKUP)
    assert post_switch(made.origin).status == 404
    assert post_switch(made.origin, "live/.x").status == 404
    encoder(made.origin.rtmp_port)
    wait_until(lambda: made.origin.metric("weir_streams"), 5, "it is published")
    answer = post_switch(made.origin)
    assert answer.status == 409 and answer.json()["error"]["code"] == "no_standby"
    assert web.request(made.origin.http_port, "/api/v1/streams/live/cam1/switch").status == 405
    forged = web.request(made.origin.http_port, "/api/v1/streams/live/cam1/switch", method="POST",
                         headers={"Origin": "http://elsewhere"})
    assert forged.status == 403


def test_the_primary_gets_its_stream_back_when_it_has_been_healthy(pair):
    made, first, second, viewer = pair(
        **{"ingest.stall": "1s", "ingest.failback": "auto", "ingest.failback_after": "1500ms"})
    first.stall()
    wait_until(lambda: switches(made.origin, "stalled") == 1, 10, "the stream changes to the backup")
    first.resume()
    wait_until(lambda: switches(made.origin, "failback") == 1, 20, "and back")
    assert stream(made.origin)["publisher"]["seat"] == "primary"
    see_until(viewer, viewer.newest() + 60, "the viewer goes on")
    assert viewer.holes() == []


def test_a_new_encoder_takes_the_empty_seat(pair, clip_tags, open_things):
    made, first, second, viewer = pair()
    first.close()
    wait_until(lambda: switches(made.origin, "lost") == 1, 5, "the backup goes on")
    third = open_things(ProgramEncoder(made.origin.rtmp_port, second.program, base=77))
    wait_until(lambda: standby(made.origin) and standby(made.origin)["aligned"], 15, "the new one is aligned")
    assert standby(made.origin)["seat"] == "primary"
    second.close()
    see_until(viewer, second.sent[-1] + 60, "the viewer sees the third encoder")
    assert switches(made.origin, "lost") == 2
    assert third.sent and viewer.holes() == []


def test_a_third_publisher_is_refused(pair, open_things):
    made, first, second, _ = pair(aligned=False)
    third = open_things(ProgramEncoder(made.origin.rtmp_port, first.program, source="127.0.0.2"))
    assert third.answer == "NetStream.Publish.BadName"
    assert made.origin.metric("weir_standbys") == 1
    second.close()
    made.origin.wait_metric("weir_standbys", 0)
    fourth = open_things(ProgramEncoder(made.origin.rtmp_port, first.program))
    assert fourth.answer == "NetStream.Publish.Start"


def test_who_may_be_one_of_the_two_that_comes_again_is_told_to_try_again(pair, open_things):
    """Encoders stop for good at BadName."""
    made, first, _, _ = pair(aligned=False)
    again = open_things(ProgramEncoder(made.origin.rtmp_port, first.program))
    assert again.answer == "NetStream.Publish.Failed"
    assert made.origin.metric("weir_standbys") == 1


def test_without_a_grace_the_standby_goes_on_too(cluster, clip_tags, open_things):
    made = cluster(origin={**BACKUP, "stream.grace": "0s"})
    first = open_things(ProgramEncoder(made.origin.rtmp_port, Program(clip_tags)))
    wait_until(lambda: len(first.sent) > 60, 10, "the first encoder has sent a GOP")
    second = open_things(ProgramEncoder(made.origin.rtmp_port, Program(clip_tags, salt=b"other")))
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    run = stream(made.origin)["run"]
    first.close()
    wait_until(lambda: switches(made.origin, "lost") == 1, 10, "the stream changes to the standby")
    wait_until(lambda: stream(made.origin).get("publisher", {}).get("seat") == "backup", 5, "which holds it")
    assert stream(made.origin)["run"] == run and stream(made.origin)["state"] == "live"
    second.close()
    made.origin.wait_log("stream ended: no publisher came back", 10)


def test_a_frozen_picture_is_left_when_that_is_wanted(cluster, clip_tags, open_things):
    made = cluster(origin={**BACKUP, "ingest.frozen": "1s"})
    still = Program(clip_tags)
    still.frames = [frozen_frame(tag) for tag in still.frames]
    first = open_things(ProgramEncoder(made.origin.rtmp_port, still))
    wait_until(lambda: first.sent, 10, "the first encoder sends")
    open_things(ProgramEncoder(made.origin.rtmp_port, Program(clip_tags, salt=b"moving")))
    wait_until(lambda: switches(made.origin, "frozen") == 1, 20, "the moving picture is preferred")
    wait_until(lambda: stream(made.origin)["publisher"]["seat"] == "backup", 5, "the backup has the stream")
    assert not standby(made.origin)["healthy"]


def frozen_frame(tag):
    """A video frame that says nothing new: keyframes all alike, others empty but for their number."""
    if tag.type == 9 and not tag.is_keyframe():
        return type(tag)(tag.type, tag.timestamp, tag.payload[:20])
    return type(tag)(tag.type, tag.timestamp, tag.payload[:2000]) if tag.type == 9 else tag


class Parting(Program):
    """The frames from number `apart` on are its own."""

    apart = None

    def tag(self, number):
        self.salt = b"apart" if self.apart is not None and number >= self.apart else b""
        return super().tag(number)

    def part_after(self, number):
        """Soon after that frame, where no keyframe is near."""
        number += 12
        while any(self.tag(number + n).is_keyframe() for n in range(30)):
            number += 1
        self.apart = number


def test_what_does_not_fit_waits_for_the_epoch_that_redis_has_not_granted_yet(redis_cluster, clip_tags, open_things):
    """The stream changes to a standby that is behind; what it sends turns out to be something else; Redis hangs."""
    made = redis_cluster(origins=1, edges=1, origin={**BACKUP, "registry.timeout": "30s"})
    [origin] = made.origins
    program, parting = Program(clip_tags), Parting(clip_tags)
    parting.began = program.began
    first = open_things(ProgramEncoder(origin.rtmp_port, program))
    wait_until(lambda: first.sent, 10, "the first encoder sends")
    viewer = open_things(ProgramWatcher(made.edges[0].rtmp_port))
    second = open_things(ProgramEncoder(origin.rtmp_port, parting, delay=2))
    wait_until(lambda: standby(origin) and standby(origin)["aligned"], 20, "the two are aligned")
    made.redis.child.signal(signal.SIGSTOP)
    parting.part_after(second.sent[-1])
    first.close()
    origin.wait_log("do not go on from the other's after all", 10)
    number = second.sent[-1]
    wait_until(lambda: second.sent[-1] > number + 20, 10, "the second encoder sends more")
    made.redis.child.signal(signal.SIGCONT)
    wait_until(lambda: viewer.newest(b"apart") > second.sent[0], 20, "its own frames are seen")
    shown = [frame[1] for frame in viewer.frames if frame[2] == b"apart" and frame[0] == flv.VIDEO]
    assert parting.tag(shown[0]).is_keyframe(), "they begin in the new epoch"
    origin.wait_log("do not go on from the other's after all")
    assert len(origin.log_lines("do not go on from the other's after all")) == 1


def test_a_standby_whose_stream_ends_is_told(pair):
    made, first, second, _ = pair(aligned=False)
    second.close()
    first.close()
    wait_until(lambda: stream(made.origin)["state"] == "waiting", 5, "the stream waits")
    made.origin.wait_metric("weir_standbys", 0)


# --- two origins ---


@pytest.fixture
def two_origins(children, nodes, clip_tags, open_things):
    """Two origins with one map, or that ask each other, an edge, an encoder at each origin, and a viewer. The second encoder stands by at
    the first origin, which others reach through `cable` if there is one."""
    def make(other=None, tags=None, registry="redis", cable=None, **settings):
        common = {"node.workers": 1}
        if registry == "redis":
            make.redis = Redis(children).start()
            common = {**common, "registry.backend": "redis", "registry.redis": make.redis.address}
        origins = [nodes("origin", {**common, **BACKUP, **settings}, name=name) for name in ("one", "two")]
        if cable:
            cable.target = origins[0].relay_port
            origins[0].settings["relay.advertise"] = f"127.0.0.1:{cable.port}"
        if registry == "redis":
            for one in origins:
                one.start()
        else:
            common["registry.origins"] = ",".join(start_listed(origins))
            wait_linked(origins)
        edge = nodes("edge", common, name="edge").start()
        program = Program(tags or clip_tags)
        first = open_things(ProgramEncoder(origins[0].rtmp_port, program, base=5000))
        wait_until(lambda: first.sent, 10, "the first encoder sends")
        viewer = open_things(ProgramWatcher(edge.rtmp_port))
        second = open_things(ProgramEncoder(origins[1].rtmp_port, other or program, base=77, delay=0.1))
        assert second.answer == "NetStream.Publish.Start"
        wait_until(lambda: standby(origins[0]), 10, "the second encoder stands by at the first origin")
        return origins, edge, first, second, viewer

    return make


def wait_linked(origins):
    """Each has its links to all others."""
    others = {one: {other.relay for other in origins if other is not one} for one in origins}
    for one in origins:
        wait_until(lambda: others[one] <= {peer["address"] for peer in one.api("nodes")["nodes"] if peer["state"] == "up"}, 10,
                   f"{one.name} is linked")


@pytest.mark.parametrize("registry", ["redis", "static"])
def test_an_encoder_at_another_origin_stands_by_and_goes_on_seamlessly(two_origins, registry):
    (one, two), _, first, second, viewer = two_origins(registry=registry)
    wait_until(lambda: standby(one)["aligned"], 15, "the two are aligned")
    assert two.metric("weir_publishers") == 1 and two.metric("weir_streams") == 0
    first.close()
    see_until(viewer, first.sent[-1] + 60, "the viewer sees the second encoder")
    assert viewer.holes() == []
    assert switches(one, "lost") == 1


@pytest.mark.parametrize("end, registry", [("killed", "redis"), ("hung", "redis"), ("killed", "static")])
def test_aligned_encoders_at_two_origins_lose_no_frame_when_one_origin_dies(two_origins, end, registry):
    (one, two), _, first, second, viewer = two_origins(registry=registry, **{"stream.replicas": 1})
    wait_until(lambda: standby(one)["aligned"], 15, "the two are aligned")
    wait_until(lambda: two.metric("weir_replicas") == 1, 10, "the other origin holds a copy")
    wait_until(lambda: second.sent and second.sent[-1] - second.sent[0] > 200, 30, "the other origin has some GOPs")
    before = stream(one)
    if end == "killed":
        one.kill()
    else:
        one.child.signal(signal.SIGSTOP)
    number = second.sent[-1]
    see_until(viewer, number + 200, "the viewer sees the second encoder")
    print(f"the longest gap at the viewer: {viewer.longest_gap():.2f} s")
    assert viewer.holes() == []
    apart = [frame[3] - first.program.time(frame[1]) for frame in viewer.frames if frame[0] == 9]
    assert max(apart) - min(apart) <= 1, "media time is the programme's"
    after = stream(two)
    assert after["run"] == before["run"] and int(after["epoch"]) > int(before["epoch"])
    assert after["timeline"]["discontinuities"] == 0 and after["publisher"]["seat"] == "primary"
    two.wait_log("stream goes on without a break")
    if end == "hung":
        one.child.signal(signal.SIGCONT)
        one.wait_metric("weir_replicas", 1, timeout=10)
        see_until(viewer, viewer.newest() + 60, "the viewer goes on")
        assert viewer.holes() == []


def test_aligned_encoders_at_two_origins_lose_no_frame_when_one_origin_drains(two_origins):
    (one, two), _, first, second, viewer = two_origins(
        **{"stream.replicas": 1, "node.drain_notice": "0s", "node.drain_publisher": "300ms"})
    wait_until(lambda: standby(one)["aligned"], 15, "the two are aligned")
    wait_until(lambda: second.sent and second.sent[-1] - second.sent[0] > 200, 30, "the other origin has some GOPs")
    one.terminate()
    see_until(viewer, second.sent[-1] + 100, "the viewer sees the second encoder")
    assert viewer.holes() == []
    assert stream(two)["timeline"]["discontinuities"] == 0


def with_one_keyframe(tags):
    """The same tags; only the first frame says that it is a keyframe."""
    keys = [tag for tag in tags if tag.is_keyframe()]
    return [type(tag)(tag.type, tag.timestamp, bytes([tag.payload[0] & 0x0F | 0x20]) + tag.payload[1:])
            if tag in keys[1:] else tag for tag in tags]


def test_gops_of_six_seconds_are_compared_too(two_origins, clip_tags):
    (one, two), _, first, second, viewer = two_origins(tags=with_one_keyframe(clip_tags), **{"stream.replicas": 1})
    wait_until(lambda: standby(one)["aligned"], 30, "the two are aligned")
    one.kill()
    see_until(viewer, second.sent[-1] + 60, "the viewer sees the second encoder")
    assert viewer.holes() == []
    assert stream(two)["timeline"]["discontinuities"] == 0


def test_an_encoder_that_leaves_before_its_epoch_has_begun_leaves_a_stream_that_waits(two_origins, open_things):
    (one, two), _, first, second, viewer = two_origins(**{"stream.replicas": 1})
    wait_until(lambda: standby(one)["aligned"], 15, "the two are aligned")
    wait_until(lambda: second.sent and second.sent[-1] - second.sent[0] > 200, 30, "the other origin has some GOPs")
    second.stall()
    one.kill()
    two.wait_log("stream goes on without a break", 10)
    second.close()
    wait_until(lambda: stream(two)["state"] == "waiting", 10, "the stream waits")
    newest = viewer.newest()
    assert newest >= second.sent[-1] and viewer.holes() == []
    run = stream(two)["run"]
    third = open_things(ProgramEncoder(two.rtmp_port, first.program, base=99))
    see_until(viewer, newest + 200, "the viewer sees the third encoder")
    assert third.sent[0] > newest
    after = stream(two)
    assert after["run"] == run and after["timeline"]["discontinuities"] == 1


def subscribe(node, epoch=0, sequence=0, after_us=0):
    """The first frame that an edge gets which has that already, and whether it went on there."""
    link = relay.Link(node.relay_port)
    link.socket.sendall(relay.message(relay.SUBSCRIBE, [(1, 7), (2, "live/cam1"), (3, "source"), (4, epoch),
                                                        (5, sequence), (6, after_us)]))
    accepted, media = link.next_fields(relay.ACCEPTED), link.next_fields(relay.MEDIA)
    link.close()
    return media, bool(accepted.get(6))


def test_who_has_had_more_of_a_dead_origins_epoch_gets_nothing_twice(two_origins):
    (one, two), _, first, second, viewer = two_origins(**{"stream.replicas": 1})
    wait_until(lambda: standby(one)["aligned"], 15, "the two are aligned")
    wait_until(lambda: second.sent and second.sent[-1] - second.sent[0] > 200, 30, "the other origin has some GOPs")
    old = int(stream(one)["epoch"])
    one.kill()
    two.wait_log("stream goes on without a break", 10)
    wait_until(lambda: int(stream(two)["epoch"]) > old, 15, "the new epoch begins")
    newest, _ = subscribe(two)
    behind, resumed = subscribe(two, old, 10**9, newest[4] - 60_000_000)
    assert not resumed and behind[2] > old and behind[3] == 2, "the new epoch from its beginning"
    ahead, resumed = subscribe(two, old, 10**9, newest[4] + 1_500_000)
    assert not resumed and ahead[2] > old and ahead[4] > newest[4] + 500_000


@pytest.mark.parametrize("registry", ["redis", "static"])
@pytest.mark.parametrize("end, replicas", [("killed", 0), ("hung", 0), ("killed", 1)])
def test_the_standbys_origin_goes_on_when_the_holders_is(two_origins, clip_tags, end, replicas, registry):
    (one, two), _, first, second, viewer = two_origins(other=Program(clip_tags, salt=b"other"), registry=registry,
                                                       **{"stream.replicas": replicas})
    wait_until(lambda: two.metric("weir_streams") == replicas, 10, "the other origin holds a copy, if it is to")
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    run = stream(one)["run"]
    if end == "killed":
        one.kill()
    else:
        one.child.signal(signal.SIGSTOP)
    number = second.sent[-1]
    wait_until(lambda: viewer.newest(b"other") > number, 20, "the viewer sees the second encoder")
    print(f"the longest gap at the viewer: {viewer.longest_gap():.2f} s")
    assert viewer.longest_gap() < 5 * SLOW
    assert switches(two, "lost") == 1 and stream(two)["publisher"]["seat"] == "primary"
    if registry == "redis" or replicas:
        assert stream(two)["run"] == run and stream(two)["timeline"]["discontinuities"] == 1
    else:
        assert stream(two)["run"] != run, "nobody knows of the run"
    others = [frame[1] for frame in viewer.frames if frame[2] == b"other"]
    assert sorted(others) == list(range(min(others), max(others) + 1))
    if end == "hung":
        one.child.signal(signal.SIGCONT)
        one.wait_metric("weir_streams", 0, timeout=10)
        assert stream(two)["state"] == "live"


def test_without_redis_the_standbys_origin_goes_on_when_the_holders_is_gone(two_origins, clip_tags):
    (one, two), _, first, second, viewer = two_origins(other=Program(clip_tags, salt=b"other"), **{"stream.replicas": 1})
    two.wait_metric("weir_replicas", 1)
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    run = stream(one)["run"]
    two_origins.redis.stop()
    for node in (one, two):
        node.wait_metric("weir_registry_connections", 0)
    one.kill()
    number = second.sent[-1]
    wait_until(lambda: viewer.newest(b"other") > number, 20, "the viewer sees the second encoder")
    assert stream(two)["run"] == run and switches(two, "lost") == 1


def test_without_redis_an_origin_that_may_live_keeps_its_stream(two_origins, open_things):
    cable = open_things(Cable(0))
    (one, two), _, first, second, _ = two_origins(cable=cable, **{"relay.dead_after": "30s"})
    two_origins.redis.stop()
    for node in (one, two):
        node.wait_metric("weir_registry_connections", 0)
    epoch = stream(one)["epoch"]
    cable.cut()
    two.wait_log("a standby has lost the origin that has its name", 10)
    until = time.monotonic() + 2
    while time.monotonic() < until:
        assert two.api("streams")["streams"] == [], "the link was lost just now"
        time.sleep(0.05)
    cable.mend()
    wait_until(lambda: standby(one), 15, "the second encoder stands by again")
    assert stream(one)["epoch"] == epoch and not first.ended and not second.ended


def test_the_standbys_origin_goes_on_when_the_holders_drains(two_origins, clip_tags):
    (one, two), _, first, second, viewer = two_origins(
        other=Program(clip_tags, salt=b"other"), **{"node.drain_notice": "0s", "node.drain_publisher": "300ms"})
    wait_until(lambda: len(second.sent) > 60, 10, "the second encoder has sent a GOP")
    one.terminate()
    number = second.sent[-1]
    wait_until(lambda: viewer.newest(b"other") > number, 20, "the viewer sees the second encoder")
    assert viewer.longest_gap() < 3 * SLOW
    assert stream(two)["state"] == "live"


def test_a_copy_moves_to_the_origin_where_the_standby_is(children, nodes, clip_tags, open_things):
    redis = Redis(children).start()
    settings = {"node.workers": 1, "registry.backend": "redis", "registry.redis": redis.address, "stream.replicas": 1}
    origins = {name: nodes("origin", {**settings, **BACKUP}, name=name).start() for name in ("one", "two", "three")}
    one, program = origins["one"], Program(clip_tags)
    open_things(ProgramEncoder(one.rtmp_port, program, base=5000))

    def holders():
        return [name for name in ("two", "three") if origins[name].metric("weir_replicas")]

    wait_until(holders, 10, "another origin holds a copy")
    [other] = {"two", "three"} - set(holders())
    second = open_things(ProgramEncoder(origins[other].rtmp_port, program, base=77))
    wait_until(lambda: holders() == [other], 10, "the copy moves")
    wait_until(lambda: [copy["node"] for copy in stream(one)["replicas"]] == [other], 5, "its owner says so")
    second.close()
    one.wait_metric("weir_standbys", 0)
    assert holders() == [other], "it stays there"


def test_a_third_publisher_is_refused_at_the_other_origin_too(two_origins, open_things):
    (_, two), _, first, _, _ = two_origins()
    third = open_things(ProgramEncoder(two.rtmp_port, first.program, source="127.0.0.2"))
    assert third.answer == "NetStream.Publish.BadName"


def test_the_standbys_place_is_free_when_it_leaves(two_origins, open_things):
    (one, two), _, first, second, _ = two_origins()
    second.close()
    one.wait_metric("weir_standbys", 0)
    again = open_things(ProgramEncoder(two.rtmp_port, first.program))
    assert again.answer == "NetStream.Publish.Start"
    one.wait_metric("weir_standbys", 1)


def test_origins_without_a_map_reject_what_another_has(nodes, clip_tags, open_things):
    origins = [nodes("origin", {"node.workers": 1, "ingest.second": "reject", "stream.grace": "5s"}, name=name) for name in ("one", "two")]
    start_listed(origins)
    wait_linked(origins)
    program = Program(clip_tags)
    first = open_things(ProgramEncoder(origins[0].rtmp_port, program))
    wait_until(lambda: len(first.sent) > 60, 10, "the first encoder has sent a GOP")
    assert open_things(ProgramEncoder(origins[1].rtmp_port, program)).answer == "NetStream.Publish.BadName"
    origins[1].wait_log("the name is published at another origin, and ingest.second is reject")
    first.close()
    wait_until(lambda: stream(origins[0])["state"] == "waiting", 5, "the stream waits")
    run = stream(origins[0])["run"]
    second = open_things(ProgramEncoder(origins[1].rtmp_port, program))
    assert second.answer == "NetStream.Publish.Start"
    wait_until(lambda: stream(origins[1])["run"] == run, 5, "it goes on at the other origin")
    wait_until(lambda: origins[0].metric("weir_streams") == 0, 10, "the first origin has let go")
