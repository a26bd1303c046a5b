"""The map behind Sentinels: it moves from server to server, and nobody notices."""
import re
import time

import media
import pytest
from process import SLOW, wait_until
from redis import RedisCluster
from sentinel import Watched
from watcher import Watcher
from weir import ROOT


@pytest.fixture
def watched_cluster(children):
    """Makes clusters behind Sentinels, with as many further settings."""
    made = []

    def make(sentinel_settings=(), password=None, common=None, **options):
        redis = Watched(children, sentinel_settings, password)
        made.append(RedisCluster(children, redis=redis, common={**redis.settings(), **(common or {})}, **options))
        return made[-1]

    yield make
    for one in made:
        one.finish()


def wait_all_connected(made, workers=1):
    for node in made.nodes():
        node.wait_metric("weir_registry_connections", workers + 1, 20)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failover_is_noticed_by_nobody(watched_cluster, encoder, workers):
    made = watched_cluster(workers=workers)
    first = encoder(made.origins[0].rtmp_port)
    watchers = [Watcher(edge.rtmp_port) for edge in made.edges]
    epoch, old = made.stream()["epoch"], made.redis.master
    killed = time.monotonic()
    old.stop()
    # While there is no master: who publishes and who watches are served all the same.
    second = encoder(made.origins[1].rtmp_port, name="cam2")
    wait_until(lambda: second.answers, 10, "a publisher is taken meanwhile")
    assert media.codecs(made.edges[0].flv("live/cam2")) == {"h264", "aac"}
    new = made.redis.other(old)
    made.redis.wait_master(new)
    print(f"Redis failed over within {time.monotonic() - killed:.1f} s")
    wait_all_connected(made, workers)
    print(f"all nodes were back {time.monotonic() - killed:.1f} s after the kill")
    assert made.stream()["epoch"] == epoch, "the stream was in the map all the time"
    wait_until(lambda: made.stream("live/cam2").get("origin") == "origin2", 5, "what came meanwhile is told")
    wait_until(lambda: len(new.command("ZRANGE", "weir:nodes", 0, -1)) == 4, 5, "all nodes are in the map")
    for watcher in watchers:
        watcher.assert_undisturbed(1 * SLOW)
    assert first.answers == second.answers == ["NetStream.Publish.Start"]
    for node in made.nodes():
        assert len(node.log_lines("redis cannot be used")) <= workers, "told once"


def test_a_user_of_the_sentinels_needs_the_rights_that_the_docs_list(watched_cluster):
    rules = re.search(r"ACL SETUSER weir on >s3cret (.*&\+switch-master.*)", (ROOT / "docs/redis.md").read_text()).group(1)
    made = watched_cluster([f"user weir on >s3cret {rules}"], origins=1, edges=1, common={
        "registry.sentinel_user": "weir", "registry.sentinel_password": "s3cret"})
    wait_all_connected(made)
    old = made.redis.master
    old.stop()
    made.redis.wait_master(made.redis.other(old))
    wait_all_connected(made)
    for sentinel in made.redis.sentinels:
        assert sentinel.command("ACL", "LOG") == [], "nothing was tried that is not allowed"


def test_a_planned_failover_moves_the_nodes_at_once(watched_cluster, encoder):
    made = watched_cluster(origins=1, edges=1)
    encoder(made.origins[0].rtmp_port)
    watcher = Watcher(made.edges[0].rtmp_port)
    old = made.redis.master
    new = made.redis.other(old)
    assert made.redis.sentinels[0].command("SENTINEL", "FAILOVER", "mymaster") == "OK"
    made.redis.wait_master(new)
    # The old one stays, as a replica: it may not be written to, and nodes must not stay with it.
    wait_until(lambda: old.role() == "slave", 20, "the old master follows the new one")
    wait_all_connected(made)
    encoder(made.origins[0].rtmp_port, name="cam2")
    wait_until(lambda: new.hash("weir:stream:live/cam2").get("state") == "live", 10, "the new master has the map")
    watcher.assert_undisturbed(1 * SLOW)
    for node in made.nodes():
        node.wait_log(rf"another server is the master now.*{new.address}")


def test_sentinels_that_die_are_done_without(watched_cluster):
    made = watched_cluster(origins=1, edges=1)
    for sentinel in made.redis.sentinels[:2]:
        sentinel.stop()
    made.origins[0].terminate()
    made.origins[0].start()  # it asks those that are gone first, or not
    wait_all_connected(made)


def test_sentinels_with_a_password(watched_cluster):
    made = watched_cluster(["requirepass s3cret", "sentinel sentinel-pass s3cret"], "s3cret", origins=1, edges=1,
                           common={"registry.sentinel_password": "s3cret"})
    assert made.redis.hash("weir:node:origin1")["role"] == "origin"


def test_what_is_wrong_with_sentinels_is_told(redis_trouble, children):
    watched = Watched(children, ["requirepass s3cret", "sentinel sentinel-pass s3cret"], "s3cret")
    right = {**watched.settings(), "registry.sentinel_password": "s3cret"}
    line = redis_trouble({**right, "registry.sentinel_master": "other"})
    assert "it knows no master named other (registry.sentinel_master)" in line
    assert "registry.sentinel_password refused: WRONGPASS" in redis_trouble({**right, "registry.sentinel_password": "wrong"})
    server = {"registry.redis": watched.sentinels[0].address, "registry.redis_password": "s3cret"}
    assert "Sentinels belong into registry.sentinels" in redis_trouble(server)
    assert "it is no master" in redis_trouble({"registry.redis": watched.other(watched.master).address})
