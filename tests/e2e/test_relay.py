"""What happens between nodes: links that break, wrong secrets, edges below edges, encoders that move."""
import flv
import pytest
import rtmp
from cable import Cable
from process import SLOW, wait_until


@pytest.fixture
def cable():
    made = []

    def make(target):
        made.append(Cable(target))
        return made[-1]

    yield make
    for one in made:
        one.close()


def is_video(tag):
    return tag.type == flv.VIDEO and tag.is_frame()


def frames(viewer, count, timeout=10):
    return [viewer.next_frame(timeout, wanted=is_video) for _ in range(count)]


def assert_seamless(got):
    """No frame lost, none repeated: the steps of a clip of constant rate are all alike, to the millisecond's rounding."""
    steps = [b.timestamp - a.timestamp for a, b in zip(got, got[1:])]
    usual = sorted(steps)[len(steps) // 2]
    assert all(abs(step - usual) <= 2 for step in steps), steps


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_link_resumes_without_a_lost_or_a_repeated_frame(nodes, encoder, cable, workers):
    origin = nodes("origin", {"node.workers": workers}).start()
    wire = cable(origin.relay_port)
    edge = nodes("edge", {"node.workers": workers, "registry.origins": f"127.0.0.1:{wire.port}"}).start()
    encoder(origin.rtmp_port)
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1")
        got = frames(viewer, 30)
        wire.cut()
        edge.wait_log("the link to a stream's origin is lost")
        wire.mend()
        got += frames(viewer, 60, 20)
        assert_seamless(got)
    origin.wait_log("resumed=yes")


def test_a_stream_ends_at_the_edge_when_its_origin_stays_away(nodes, encoder, cable):
    origin = nodes("origin").start()
    wire = cable(origin.relay_port)
    edge = nodes("edge", {"registry.origins": f"127.0.0.1:{wire.port}", "stream.grace": "500ms"}).start()
    encoder(origin.rtmp_port)
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1")
        frames(viewer, 5)
        wire.cut()
        codes = []
        while "NetStream.Play.UnpublishNotify" not in codes:
            codes.append(viewer.wait_status(10 * SLOW)["code"])
    edge.wait_metric("weir_streams", 0, 10)
    assert not edge.is_ready(), "without a link to an origin an edge is not ready"
    wire.mend()
    wait_until(edge.is_ready, 10 * SLOW, "the edge has its link again")


def test_nodes_with_the_same_secret_meet_and_others_do_not(nodes, children):
    origin = nodes("origin", {"relay.secret": "one"}).start()
    friend = nodes("edge", {"relay.secret": "one", "registry.origins": origin.relay}, name="friend").start()
    assert friend.is_ready()
    stranger = nodes("edge", {"relay.secret": "two", "registry.origins": origin.relay}, name="stranger")
    stranger.child = children.start("stranger", stranger.command())
    stranger.wait_log("relay.secret is another", 10)
    assert not stranger.is_ready()
    assert [node["id"] for node in origin.api("nodes")["nodes"]] == ["origin", "friend"]
    for node in (origin, friend, stranger):
        assert "one" not in [word for line in node.log_lines() for word in line.split("=")], "a secret in the log"


def test_every_worker_has_its_own_link_to_the_same_worker_of_the_origin(cluster):
    made = cluster(workers=2)
    for node in made.nodes():
        for worker in (0, 1):
            node.wait_log(f"relay link ready.*worker={worker}")


def test_workers_of_different_numbers_serve_each_other(nodes, encoder):
    origin = nodes("origin", {"node.workers": 3}).start()
    edge = nodes("edge", {"node.workers": 2, "registry.origins": origin.relay}).start()
    for name in ("a", "b", "c", "d", "e"):
        encoder(origin.rtmp_port, name=name)
    for name in ("a", "b", "c", "d", "e"):
        with rtmp.Client(edge.rtmp_port) as viewer:
            viewer.play(name)
            assert_seamless(frames(viewer, 20))


def test_an_edge_feeds_another_edge(cluster, nodes, encoder):
    made = cluster()
    below = nodes("edge", {"registry.origins": made.edge.relay}, name="below").start()
    encoder(made.origin.rtmp_port)
    with rtmp.Client(below.rtmp_port) as viewer:
        viewer.play("cam1")
        assert_seamless(frames(viewer, 30))
    assert made.edge.metric("weir_relay_subscriptions") == 1


def test_viewers_follow_an_encoder_that_moves_to_another_origin(nodes, encoder):
    first, second = (nodes("origin", name=name).start() for name in ("first", "second"))
    edge = nodes("edge", {"registry.origins": f"{first.relay},{second.relay}"}).start()
    source = encoder(first.rtmp_port)
    with rtmp.Client(edge.rtmp_port) as viewer:
        viewer.play("cam1")
        before = frames(viewer, 10)[-1]
        source.close()
        moved = encoder(second.rtmp_port)
        wait_until(lambda: moved.first_frame_at, 10, "the encoder publishes at the second origin")
        while True:
            frame = viewer.next_frame(10, wanted=flv.Tag.is_keyframe)
            if frame.arrival > moved.first_frame_at[0]:
                break
        assert frame.arrival - moved.first_frame_at[0] < 1 * SLOW
        assert frame.timestamp > before.timestamp


def test_an_unwatched_stream_is_not_pulled(cluster, encoder):
    made = cluster()
    encoder(made.origin.rtmp_port)
    made.origin.wait_metric("weir_publishers", 1)
    assert made.edge.metric("weir_streams") == 0
    assert made.origin.metric("weir_relay_subscriptions") == 0
    viewers = [rtmp.Client(made.edge.rtmp_port) for _ in range(5)]
    for viewer in viewers:
        viewer.play("cam1")
        viewer.next_frame(10)
    assert made.origin.metric("weir_relay_subscriptions") == 1, "one subscription, however many viewers"
    for viewer in viewers:
        viewer.close()


def test_an_uplink_that_stalls_for_a_while_loses_nothing(nodes, encoder, cable, clip_tags):
    """What the link has no room for waits at the edge: about sixteen megabytes here."""
    patient = {"relay.dead_after": "60s", "stream.log_bytes": "256MiB"}
    origin = nodes("origin", patient).start()
    wire = cable(origin.relay_port)
    edge = nodes("edge", {**patient, "registry.origins": f"127.0.0.1:{wire.port}"}).start()
    near = nodes("edge", {**patient, "registry.origins": origin.relay}, name="near").start()
    running = encoder(edge.rtmp_port, flv.padded(clip_tags, 300000))
    with rtmp.Client(near.rtmp_port) as viewer:
        viewer.play("cam1")
        got = frames(viewer, 30, 20 * SLOW)
        wire.hold()
        before = running.sent
        wait_until(lambda: running.sent >= before + 140, 30 * SLOW, "much is sent meanwhile")
        wire.release()
        got += frames(viewer, 90, 30 * SLOW)
        assert_seamless(got)
    assert not edge.log_lines("relay link closed") and not edge.log_lines("loses frames")
