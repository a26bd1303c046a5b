"""stream.replicas: other origins hold copies, and an origin's death loses nothing that the encoder has sent."""
import signal
import time

import hls
import numbered
import pytest
import relay
import rtmp
from cable import Cable
from process import SLOW, wait_until
from redis import Redis
from weir import Node, start_listed

SECONDS = {"stream.grace": "5s", "stream.log_duration": "40s"}


class Origins:
    """Three origins with `stream.replicas`, and an edge. `cable`: the edge reaches the first origin through one."""

    def __init__(self, children, backend, origin=None, cable=False, replicas=1, workers=1, edges=1):
        common = {"node.workers": workers}
        self.redis = self.cable = None
        if backend == "redis":
            self.redis = Redis(children).start()
            common = {**common, "registry.backend": "redis", "registry.redis": self.redis.address}
        settings = {**common, "stream.replicas": replicas, **SECONDS, **(origin or {})}
        self.origins = [Node(children, "origin", settings, name=f"origin{i}") for i in (1, 2, 3)]
        self.edges = [Node(children, "edge", {**common, **SECONDS}, name=f"edge{i}") for i in range(1, edges + 1)]
        self.edge = self.edges[0]
        if backend == "static":
            start_listed(self.origins)
        else:
            for one in self.origins:
                one.start()
        relays = [one.relay for one in self.origins]
        if cable:
            self.cable = Cable(self.origins[0].relay_port)
            relays[0] = f"127.0.0.1:{self.cable.port}"
        for edge in self.edges:
            if backend == "static":
                edge.settings["registry.origins"] = ",".join(relays)
            edge.start()
            wait_until(lambda: [one["state"] for one in edge.api("nodes")["nodes"] if one["role"] == "origin"].count("up") == 3,
                       10, "the edge is linked")

    def nodes(self):
        return [*self.origins, *self.edges]

    def by_name(self, name):
        return next(one for one in self.origins if one.name == name)

    def finish(self):
        if self.cable:
            self.cable.close()
        for one in reversed(self.nodes()):
            one.finish()


@pytest.fixture
def origins(children):
    made = []

    def make(backend, **options):
        made.append(Origins(children, backend, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


@pytest.fixture
def closing():
    """What is given to it is closed when the test is over, the newest first."""
    made = []

    def add(one):
        made.append(one)
        return one

    yield add
    for one in reversed(made):
        one.close()


def stream_of(node, name="live/cam1"):
    """What the node says of the stream; {}: it does not have it."""
    return next((one for one in node.api("streams")["streams"] if one["name"] == name), {})


def holder_of(made, owner, but=""):
    """The origin that holds the copy, once it does."""
    def held():
        names = [one["node"] for one in stream_of(owner).get("replicas", []) if one["state"] == "holding"]
        return names[0] if names and names[0] != but else None
    return made.by_name(wait_until(held, 10, "a replica holds the stream"))


def check_whole(numbers, wanted):
    """Each once and in order."""
    assert numbers == sorted(set(numbers)), "a frame came twice, or out of order"
    assert numbers == [n for n in wanted if n >= numbers[0]], "a frame is missing"


def wait_shows(viewer, number):
    wait_until(lambda: viewer.numbers and viewer.numbers[-1] >= number, 10, f"frame {number} comes")


@pytest.mark.parametrize("workers", [1, 2])
def test_every_frame_that_the_copy_has_reaches_the_viewer_once(origins, clip_tags, closing, workers):
    """The edge has not got what the owner sent last: it gets it from the copy."""
    made = origins("static", cable=True, workers=workers)
    owner = made.origins[0]
    source = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    copy = holder_of(made, owner)
    viewer = closing(numbered.Viewer(made.edge.rtmp_port))
    wait_until(lambda: len(viewer.numbers) > 40, 10, "the viewer plays")
    made.cable.hold()
    seen = source.next
    wait_until(lambda: source.next > seen + 40 and source.next - source.keyframes[-1] > 10, 10, "the edge lacks frames")
    source.pause()
    wait_until(lambda: stream_of(copy)["frames"] == len(source.sent), 10, "the copy has all that was sent")
    assert stream_of(copy)["role"] == "replica" and stream_of(copy)["owner"]["node"] == "origin1"
    assert copy.metric("weir_replicas") == 1
    assert viewer.numbers[-1] < seen + 20, "the cable held nothing back"
    owner.kill()
    made.cable.cut()
    killed = time.monotonic()
    made.cable.release()
    wait_shows(viewer, source.sent[-1])
    check_whole(viewer.numbers, source.sent)
    print(f"the last frame came {1000 * (viewer.arrivals[-1] - killed):.0f} ms after the owner's death")
    assert viewer.codes() == ["NetStream.Play.Reset", "NetStream.Play.Start"] and not viewer.failure


@pytest.mark.parametrize("backend", ["static", "redis"])
@pytest.mark.parametrize("to", ["copy", "other"])
def test_the_encoder_goes_on_at_another_origin(origins, clip_tags, closing, backend, to):
    made = origins(backend, edges=2)
    owner = made.origins[0]
    first = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    copy = holder_of(made, owner)
    other = next(one for one in made.origins[1:] if one is not copy)
    viewers = [closing(numbered.Viewer(edge.rtmp_port)) for edge in made.edges]
    player = hls.Player(made.edge)
    playlist = player.tracks()["v"]
    wait_until(lambda: len(player.media(playlist).segments) >= 2, 20, "segments are listed")
    wait_until(lambda: first.next - first.keyframes[-1] > 10, 10, "it is in the middle of a GOP")
    first.pause()
    wait_until(lambda: stream_of(copy)["frames"] == len(first.sent), 10, "the copy has all that was sent")
    before = player.media(playlist)
    run = stream_of(copy)["run"]
    owner.kill()
    for viewer in viewers:
        wait_shows(viewer, first.sent[-1])
    target = copy if to == "copy" else other
    second = closing(numbered.Publisher(target.rtmp_port, clip_tags, first=first.next))
    for viewer in viewers:
        wait_shows(viewer, first.next + 60)
        wanted = first.sent + [n for n in second.sent if n >= second.keyframes[0] and n <= viewer.numbers[-1]]
        shown = list(viewer.numbers)
        assert shown == sorted(set(shown)), "a frame came twice, or out of order"
        assert [n for n in shown if n < first.next] == [n for n in first.sent if n >= shown[0]]
        assert set(wanted) >= set(shown)
        assert viewer.codes() == ["NetStream.Play.Reset", "NetStream.Play.Start"] and not viewer.failure
    assert stream_of(target)["role"] == "owner" and stream_of(target)["run"] == run
    newest = before.last
    after = wait_until(lambda: next((m for m in [player.media(playlist)] if m.last > newest + 1), None), 20,
                       "segments go on")
    numbers = [one.msn for one in after.segments]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) and numbers[0] <= newest + 1
    old = {one.msn: one.uri for one in before.segments}
    assert all(old.get(one.msn, one.uri) == one.uri for one in after.segments), "what was advertised is another now"
    wait_until(lambda: stream_of(target)["replicas"] and stream_of(target)["replicas"][0]["state"] == "holding", 10,
               "the new owner has a replica")
    if made.redis:
        stored = made.redis.command("HMGET", "weir:stream:live/cam1", "origin", "replicas")
        assert stored == [target.name, stream_of(target)["replicas"][0]["node"] + "\n"]


@pytest.mark.parametrize("backend", ["static", "redis"])
def test_a_replica_that_dies_is_replaced(origins, clip_tags, closing, backend):
    made = origins(backend)
    owner = made.origins[0]
    source = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    copy = holder_of(made, owner)
    viewer = closing(numbered.Viewer(made.edge.rtmp_port))
    wait_until(lambda: len(viewer.numbers) > 20, 10, "the viewer plays")
    copy.kill()
    other = holder_of(made, owner, but=copy.name)
    assert other is not copy
    wait_until(lambda: stream_of(other).get("frames", 0) > 20, 10, "the other holds the log")
    source.pause()
    wait_until(lambda: stream_of(other)["frames"] == len(source.sent), 10, "it has all that was sent, from the beginning on")
    wait_shows(viewer, source.sent[-1])
    check_whole(viewer.numbers, source.sent)


@pytest.mark.parametrize("backend", ["static", "redis"])
def test_an_owner_that_hangs_is_replaced_and_lets_go_when_it_wakes(origins, clip_tags, closing, backend):
    made = origins(backend, edges=2)
    owner = made.origins[0]
    old = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    copy = holder_of(made, owner)
    viewer = closing(numbered.Viewer(made.edge.rtmp_port))
    wait_until(lambda: len(viewer.numbers) > 20, 10, "the viewer plays")
    old.pause()
    owner.child.signal(signal.SIGSTOP)
    hung = time.monotonic()
    late = closing(numbered.Viewer(made.edges[1].rtmp_port))
    wait_until(lambda: stream_of(copy)["state"] == "waiting", 10, "the copy has noticed")
    if backend == "static":
        assert late.numbers, "an origin that does not answer kept the others' answers"
    new = closing(numbered.Publisher(copy.rtmp_port, clip_tags, first=1000000))
    wait_until(lambda: viewer.numbers[-1] >= 1000000, 10, "frames come again")
    print(f"frames again {1000 * (time.monotonic() - hung):.0f} ms after the owner hung")
    assert time.monotonic() - hung < 4.5 * SLOW
    wait_until(lambda: late.numbers and late.numbers[-1] >= 1000000, 10, "and at an edge that had not seen the stream")
    owner.child.signal(signal.SIGCONT)
    wait_until(lambda: stream_of(owner).get("role") != "owner", 10, "it lets go")
    wait_shows(viewer, 1000060)
    numbers = list(viewer.numbers)
    assert numbers == sorted(set(numbers)), "frames of the older owner came between"
    assert [n for n in numbers if n >= 1000000] == [n for n in new.sent if new.keyframes[0] <= n <= numbers[-1]]
    assert not viewer.failure


def test_an_edge_that_loses_only_its_link_goes_on_from_the_copy(origins, clip_tags, closing):
    made = origins("static", cable=True)
    source = closing(numbered.Publisher(made.origins[0].rtmp_port, clip_tags))
    copy = holder_of(made, made.origins[0])
    viewer = closing(numbered.Viewer(made.edge.rtmp_port))
    wait_until(lambda: len(viewer.numbers) > 20, 10, "the viewer plays")
    made.cable.cut()
    wait_shows(viewer, source.next + 60)
    assert stream_of(made.edge)["upstream"]["origin"] == copy.name
    check_whole(viewer.numbers, source.sent[:source.sent.index(viewer.numbers[-1]) + 1])


@pytest.mark.parametrize("backend", ["static", "redis"])
def test_the_run_ends_when_no_publisher_comes_back(origins, clip_tags, closing, backend):
    made = origins(backend, replicas=2, origin={"stream.grace": "1s"})
    owner = made.origins[0]
    source = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    holder_of(made, owner)
    wait_until(lambda: [one["state"] for one in stream_of(owner)["replicas"]] == ["holding"] * 2, 10, "two hold it")
    viewer = closing(numbered.Viewer(made.edge.rtmp_port))
    wait_until(lambda: len(viewer.numbers) > 20, 10, "the viewer plays")
    source.pause()
    owner.kill()
    # The map counts its owner as there for up to 10 s after its last word.
    wait_until(lambda: "NetStream.Play.UnpublishNotify" in viewer.codes(), 20, "the viewer is told of the end")
    for one in made.origins[1:]:
        one.wait_metric("weir_replicas", 0, timeout=10)
        one.wait_metric("weir_streams", 0, timeout=10)
    check_whole(viewer.numbers, source.sent)
    if made.redis:
        assert made.redis.command("KEYS", "weir:stream:*") == []


def test_a_partition_heals_and_the_older_owner_lets_go(children, clip_tags, closing):
    """One origin is cut off from the others and from the edge, and its encoder goes on; another encoder comes to the
    copy."""
    nodes = [Node(children, "origin", {"node.workers": 1, "stream.replicas": 1, **SECONDS}, name=f"origin{i}") for i in (1, 2)]
    edge = Node(children, "edge", {"node.workers": 1, **SECONDS}, name="edge1")
    first, second = nodes
    cables = [closing(Cable(0)) for _ in nodes]
    to_first, from_first = (f"127.0.0.1:{one.port}" for one in cables)
    first.settings["registry.origins"] = from_first
    second.settings["registry.origins"] = to_first
    for one, cable in zip(nodes, cables):
        cable.target = one.start().relay_port
    edge.settings["registry.origins"] = f"{to_first},{second.relay}"
    edge.start()
    try:
        old = closing(numbered.Publisher(first.rtmp_port, clip_tags))
        wait_until(lambda: [one["state"] for one in stream_of(first)["replicas"]] == ["holding"], 10, "it is held")
        viewer = closing(numbered.Viewer(edge.rtmp_port))
        wait_until(lambda: len(viewer.numbers) > 20, 10, "the viewer plays")
        for one in cables:
            one.cut()
        wait_until(lambda: stream_of(second)["state"] == "waiting", 10, "the copy has lost its owner")
        new = closing(numbered.Publisher(second.rtmp_port, clip_tags, first=1000000))
        wait_shows(viewer, 1000030)
        assert stream_of(first)["state"] == "live", "it does not know"
        for one in cables:
            one.mend()
        healed = time.monotonic()
        wait_until(lambda: stream_of(first).get("role") != "owner", 10, "the older owner lets go")
        print(f"one owner {1000 * (time.monotonic() - healed):.0f} ms after the partition healed")
        assert time.monotonic() - healed < 3 * SLOW
        wait_until(lambda: stream_of(first).get("role") == "replica" and stream_of(first)["frames"] > 0, 10, "and holds the copy")
        wait_until(lambda: old.failure is not None, 10, "its encoder is told")
        wait_shows(viewer, 1000090)
        numbers = list(viewer.numbers)
        assert numbers == sorted(set(numbers)), "frames of the older owner came between"
        assert [n for n in numbers if n >= 1000000] == [n for n in new.sent if new.keyframes[0] <= n <= numbers[-1]]
        assert not viewer.failure
    finally:
        for one in (edge, second, first):
            one.finish()


@pytest.mark.parametrize("role, told", [(relay.ORIGIN, []), (relay.EDGE, [relay.ANNOUNCE])], ids=["origins", "edges"])
def test_of_a_copy_only_edges_are_told(origins, clip_tags, closing, role, told):
    """An origin takes who announces a stream for its owner."""
    made = origins("static")
    closing(numbered.Publisher(made.origins[0].rtmp_port, clip_tags))
    for node, wanted in ((holder_of(made, made.origins[0]), told), (made.origins[0], [relay.ANNOUNCE])):
        wait_until(lambda: stream_of(node).get("frames"), 10, "there are frames")
        link, before = closing(relay.Link(node.relay_port, role=role)), []
        link.socket.sendall(relay.message(relay.LOCATE, [(1, 1), (2, "live/cam1")]))
        link.read_until(relay.LOCATED, before)
        assert [number for number in before if number == relay.ANNOUNCE] == wanted


def test_copies_are_told_of_an_epoch_that_nobody_waits_for(origins, clip_tags, closing):
    """The publisher has left before Redis answered its claim."""
    made = origins("redis", origin={"stream.grace": "20s", "registry.timeout": "5s", "relay.dead_after": "20s"})
    owner = made.origins[0]
    first = closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    copy = holder_of(made, owner)
    wait_until(lambda: made.redis.hash("weir:stream:live/cam1").get("replicas") == f"{copy.name}\n", 10, "the map knows it")
    first.close()
    wait_until(lambda: made.redis.hash("weir:stream:live/cam1")["state"] == "waiting", 10, "the stream waits")
    epoch = stream_of(owner)["epoch"]
    link = closing(relay.Link(owner.relay_port))
    assert link.next_fields(relay.ANNOUNCE)[2] == int(epoch)
    gone = closing(rtmp.Client(owner.rtmp_port))
    gone.connect()
    gone.create_stream()
    owner.wait_metric("weir_publishers", 0)
    made.redis.child.signal(signal.SIGSTOP)
    gone.command("publish", None, "cam1", "live", stream_id=gone.stream_id)
    owner.wait_metric("weir_publishers", 1)
    gone.close()
    owner.wait_metric("weir_publishers", 0)
    made.redis.child.signal(signal.SIGCONT)
    wait_until(lambda: int(stream_of(owner)["epoch"]) > int(epoch), 10, "it is granted")
    assert link.next_fields(relay.ANNOUNCE)[2] == int(stream_of(owner)["epoch"]), "whoever is linked is told"
    wait_until(lambda: made.redis.hash("weir:stream:live/cam1")["replicas"] == f"{copy.name}\n", 5, "and still the copy")


def test_an_origin_that_was_silent_does_not_keep_a_copy_that_is_held_elsewhere(origins, clip_tags, closing):
    made = origins("redis", origin={"relay.dead_after": "1s", "relay.ping_interval": "300ms"})
    owner = made.origins[0]
    closing(numbered.Publisher(owner.rtmp_port, clip_tags))
    first = holder_of(made, owner)
    first.child.signal(signal.SIGSTOP)
    second = holder_of(made, owner, but=first.name)
    first.child.signal(signal.SIGCONT)
    first.wait_log("a replica is let go.*its owner wants it held elsewhere", 10)
    first.wait_metric("weir_replicas", 0)
    assert holder_of(made, owner) is second and stream_of(second)["role"] == "replica"
