"""Several origins and edges with the map in Redis."""
import signal
import time

import media
import pytest
import rtmp
import web
from process import SLOW, wait_until
from redis import Redis
from watcher import Watcher


@pytest.mark.parametrize("workers", [1, 2])
def test_any_stream_plays_from_any_edge(redis_cluster, encoder, workers):
    made = redis_cluster(workers=workers)
    for i, origin in enumerate(made.origins):
        encoder(origin.rtmp_port, name=f"cam{i}")
    for edge in made.edges:
        for i, _ in enumerate(made.origins):
            assert media.codecs(edge.flv(f"live/cam{i}")) == {"h264", "aac"}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_encoder_moves_to_another_origin_and_viewers_stay(redis_cluster, encoder, workers):
    made = redis_cluster(workers=workers)
    first = encoder(made.origins[0].rtmp_port)
    viewers = [rtmp.Client(edge.rtmp_port).play("cam1") for edge in made.edges]
    before = [viewer.next_frame(10) for viewer in viewers]
    first.close()
    second = encoder(made.origins[1].rtmp_port)
    wait_until(lambda: second.first_frame_at, 10, "the encoder publishes at the other origin")
    for viewer, old in zip(viewers, before):
        after = viewer.keyframe_after(second.first_frame_at[0], 10)
        gap = after.arrival - second.first_frame_at[0]
        print(f"first keyframe at the viewer {1000 * gap:.0f} ms after the encoder's")
        assert gap < 1 * SLOW
        assert after.timestamp > old.timestamp
        assert [status["code"] for status in viewer.statuses] == ["NetStream.Play.Reset", "NetStream.Play.Start"]
        viewer.close()
    assert made.stream()["origin"] == "origin2"
    wait_until(lambda: made.origins[0].api("streams")["streams"] == [], 10, "the first origin lets go")


def test_an_encoder_that_is_at_two_origins_at_once_is_taken_at_the_newer(redis_cluster, encoder):
    """Its old connection may be half open: the first origin does not know that it has gone."""
    made = redis_cluster()
    first = encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port).play("cam1") as viewer:
        viewer.next_frame(10)
        second = encoder(made.origins[1].rtmp_port)
        wait_until(lambda: second.first_frame_at, 10, "the second connection publishes")
        viewer.keyframe_after(second.first_frame_at[0], 10)
        wait_until(lambda: made.origins[0].metric("weir_publishers") == 0, 10, "the first is stopped")
        assert first.answers == ["NetStream.Publish.Start"]
        viewer.keyframe_after(time.monotonic(), 10)


def test_the_run_goes_on_at_the_other_origin(redis_cluster, encoder):
    made = redis_cluster()
    first = encoder(made.origins[0].rtmp_port)
    wait_until(lambda: int(made.stream().get("track", "0")) > 1, 10, "the map knows the run")
    first.close()
    wait_until(lambda: made.stream()["state"] == "waiting", 5, "the map says that the stream waits")
    before = made.stream()
    encoder(made.origins[1].rtmp_port)
    wait_until(lambda: made.stream()["origin"] == "origin2" and int(made.stream()["number"]) > int(before["number"]), 10,
               "the other origin goes on")
    after = made.stream()
    assert after["run"] == before["run"]
    assert int(after["epoch"]) > int(before["epoch"])
    assert int(after["number"]) >= int(before["number"]) + 2
    assert after["base_us"] == before["base_us"]


def test_viewers_do_not_notice_that_redis_is_away_or_comes_back_empty(redis_cluster, encoder):
    made = redis_cluster()
    encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port).play("cam1") as viewer:
        viewer.next_frame(10)
        epoch = made.stream()["epoch"]
        made.redis.stop()
        away, arrivals = time.monotonic(), []
        while time.monotonic() - away < 30:
            arrivals.append(viewer.next_frame(5).arrival)
        assert max(b - a for a, b in zip(arrivals, arrivals[1:])) < 1 * SLOW
        # A viewer at an edge that has never seen the stream, and a new publisher, are served all the same.
        assert media.codecs(made.edges[1].flv()) == {"h264", "aac"}
        encoder(made.origins[1].rtmp_port, name="cam2")
        assert media.codecs(made.edges[0].flv("live/cam2")) == {"h264", "aac"}
        for node in made.nodes():
            answer = web.request(node.http_port, "/readyz")
            assert answer.status == 200 and "registry" in answer.json()["warnings"][0]
            assert node.metric("weir_registry_connections") == 0
            assert len(node.log_lines("redis cannot be used")) == 1, "told once"
        back = time.monotonic()
        made.redis.start()
        wait_until(lambda: made.stream().get("epoch") == epoch and made.stream("live/cam2").get("origin") == "origin2", 2,
                   "the map is filled again")
        print(f"the map was full {1000 * (time.monotonic() - back):.0f} ms after Redis began to start")
        viewer.keyframe_after(time.monotonic(), 10)
        assert viewer.statuses[-1]["code"] == "NetStream.Play.Start"


def test_a_redis_that_answers_but_takes_no_writes_is_away(redis_cluster, encoder):
    """What it knows of streams expires then, and it says of what lives that it is not there."""
    made = redis_cluster(workers=2)
    encoder(made.origins[0].rtmp_port)
    encoder(made.origins[1].rtmp_port, name="cam2")
    for name in ("live/cam1", "live/cam2"):
        wait_until(lambda: made.stream(name).get("state") == "live", 10, "the map knows it")
    made.redis.command("CONFIG", "SET", "min-replicas-to-write", "1")
    for node in made.nodes():
        wait_until(lambda: node.metric("weir_registry_connections") <= 1, 5, "both workers let go: the subscription stays")
    made.redis.stop()
    made.redis.options = ("--min-replicas-to-write", "1")
    made.redis.start()
    assert made.stream() == {}
    for edge in made.edges:
        wait_until(lambda: edge.metric("weir_registry_connections") == 1, 5, "the subscription is back")
        for name in ("live/cam1", "live/cam2"):
            assert media.codecs(edge.flv(name)) == {"h264", "aac"}, "the linked origins know it"
    for node in made.nodes():
        answer = web.request(node.http_port, "/readyz")
        assert answer.status == 200 and "NOREPLICAS" in answer.json()["warnings"][0]
        assert len(node.log_lines("redis cannot be used")) == 1, "told once"
        assert not node.log_lines("redis can be used again") and not node.log_lines("did not take")
    made.redis.command("CONFIG", "SET", "min-replicas-to-write", "0")
    wait_until(lambda: made.stream().get("origin") == "origin1" and made.stream("live/cam2").get("origin") == "origin2", 5,
               "the map is filled again")


def test_two_processes_with_one_node_id_are_told(nodes, children):
    redis = Redis(children).start()
    settings = {"registry.backend": "redis", "registry.redis": redis.address, "node.id": "twin"}
    older = nodes("origin", settings, name="older").start()
    wait_until(lambda: redis.hash("weir:node:twin"), 5, "it is there")
    before = redis.hash("weir:node:twin")["incarnation"]
    younger = nodes("origin", settings, name="younger").start()
    older.wait_log("another process has this node's node.id.*node=twin", 5)
    after = redis.hash("weir:node:twin")["incarnation"]
    assert int(after) > int(before)
    assert any("node.id" in warning for warning in web.request(older.http_port, "/readyz").json()["warnings"])
    assert not web.request(younger.http_port, "/readyz").json().get("warnings")
    commands = older.metric("weir_registry_commands_total")
    wait_until(lambda: older.metric("weir_registry_commands_total") > commands + 2, 10, "it has said again that it is there")
    assert redis.hash("weir:node:twin")["incarnation"] == after
    assert len(older.log_lines("another process has")) == 1
    younger.terminate()
    wait_until(lambda: redis.hash("weir:node:twin").get("incarnation") == before, 5, "the name is the older one's again")


def test_nodes_list_each_other_with_their_load(redis_cluster, encoder):
    made = redis_cluster(workers=2, origin={"node.region": "north", "node.zone": "a"})
    encoder(made.origins[0].rtmp_port)
    with rtmp.Client(made.edges[0].rtmp_port).play("cam1") as viewer:
        viewer.next_frame(10)
        for node in made.nodes():
            def listed():
                nodes = {one["id"]: one for one in node.api("nodes")["nodes"]}
                return len(nodes) == 4 and all(one.get("listed") for one in nodes.values()) and nodes

            nodes = wait_until(listed, 10, f"{node.name} lists all")
            assert all(one["state"] == "up" for one in nodes.values())
            first = nodes["origin1"]
            assert (first["region"], first["zone"], first["role"]) == ("north", "a", "origin")
            assert first["http_address"].endswith(f":{made.origins[0].http_port}")
            assert first["capacity"] > 0 and int(first["incarnation"]) > 0
        wait_until(lambda: {one["id"]: one for one in made.edges[1].api("nodes")["nodes"]}["edge1"]["load"]["sent_bits"] > 0,
                   15, "the other edge hears how much edge1 sends")


def test_viewers_cost_the_map_nothing(redis_cluster, encoder):
    made = redis_cluster(origins=1, edges=1)
    encoder(made.origins[0].rtmp_port)
    edge, seconds = made.edges[0], 4

    def commands():
        before = edge.metric("weir_registry_commands_total")
        time.sleep(seconds)
        return edge.metric("weir_registry_commands_total") - before

    with rtmp.Client(edge.rtmp_port).play("cam1") as viewer:
        viewer.next_frame(10)
        few = commands()
        crowd = [rtmp.Client(edge.rtmp_port).play("cam1") for _ in range(40)]
        edge.wait_metric('weir_viewers{protocol="rtmp"}', 41, 10)
        many = commands()
        for one in crowd:
            one.close()
    assert 0 < few and many <= few + seconds, f"{few} commands with one viewer, {many} with 41"


@pytest.mark.parametrize("second, code", [("takeover", "BadName"), ("backup", "Failed")], ids=["stops", "comes again"])
def test_two_publishers_of_one_name_are_settled_when_redis_is_back(redis_cluster, second, code):
    """With a backup the older one stands by when it comes again; at BadName it would not."""
    made = redis_cluster(origin={"ingest.second": second})
    made.redis.stop()
    for node in made.nodes():
        node.wait_metric("weir_registry_connections", 0)
    with rtmp.Client(made.origins[0].rtmp_port) as first, rtmp.Client(made.origins[1].rtmp_port) as other:
        assert first.publish("cam1") == "NetStream.Publish.Start"
        assert other.publish("cam1") == "NetStream.Publish.Start", "nobody can know of the other"
        epochs = [int(origin.api("streams")["streams"][0]["epoch"]) for origin in made.origins]
        assert epochs[1] > epochs[0]
        made.redis.start()
        status = first.wait_status(10)
        assert status["code"] == f"NetStream.Publish.{code}" and "at another origin" in status["description"]
        wait_until(lambda: made.stream().get("epoch") == str(epochs[1]), 5, "the map has the newer one")
        made.origins[0].wait_log(r"another origin has the stream.*stream=live/cam1.*origin=origin2")
        assert made.origins[1].metric("weir_publishers") == 1
        assert made.stream()["origin"] == "origin2"


def test_redis_that_hangs_for_longer_than_nodes_are_remembered(redis_cluster, encoder):
    made = redis_cluster()
    encoder(made.origins[0].rtmp_port)
    watcher = Watcher(made.edges[0].rtmp_port)
    epoch = made.stream()["epoch"]
    made.redis.child.signal(signal.SIGSTOP)
    time.sleep(12)  # longer than the ten seconds for which the map remembers a node
    assert media.codecs(made.edges[1].flv()) == {"h264", "aac"}, "an edge that never saw the stream finds it"
    made.redis.child.signal(signal.SIGCONT)
    wait_until(lambda: len(made.redis.command("KEYS", "weir:node:*")) == 4, 5, "all nodes are there again")
    assert made.stream()["epoch"] == epoch
    time.sleep(3)  # the list of nodes is read two seconds after
    watcher.assert_undisturbed(1 * SLOW)
    for edge in made.edges:
        assert not edge.log_lines("is given up"), "a list that is not whole yet drops nobody"


def test_an_epoch_is_never_used_again_after_redis_was_emptied(redis_cluster, encoder):
    made = redis_cluster(edges=1)
    first = encoder(made.origins[0].rtmp_port)
    wait_until(lambda: made.stream().get("epoch"), 10, "the stream is in the map")
    before = int(made.stream()["epoch"])
    first.close()
    made.redis.stop()
    made.redis.start()
    wait_until(lambda: made.stream().get("state") == "waiting", 5, "the map is filled again")
    encoder(made.origins[1].rtmp_port)
    wait_until(lambda: made.stream().get("origin") == "origin2", 10, "the other origin has it")
    assert int(made.stream()["epoch"]) > before


def test_without_redis_at_the_start_a_node_says_what_is_missing(nodes, children):
    node = nodes("origin", {"registry.backend": "redis", "registry.redis": "127.0.0.1:1"})
    node.is_ready = lambda: "ready" in node.log_text()
    node.start()
    wait_until(lambda: node.log_lines("redis cannot be used"), 5, "it says so")
    answer = web.request(node.http_port, "/readyz")
    assert answer.status == 503
    assert "registry" in answer.json()["missing"][0]
    with rtmp.Client(node.rtmp_port) as client:
        assert client.publish("cam1") == "NetStream.Publish.Start", "a publisher is taken all the same"
