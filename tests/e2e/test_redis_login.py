"""Who may use Redis, what is in it, and which Redis is none for us."""
import re
import subprocess
import time

import media
import pytest
import web
from process import wait_until
from redis import Redis
from weir import ROOT, Node, free_port, node_environment

# The rights that docs/redis.md lists, with another prefix.
RULES = [rule.replace("weir:", "w:") for rule in
         re.search(r"ACL SETUSER weir on >s3cret (.*?)\n```", (ROOT / "docs/redis.md").read_text(), re.S).group(1).split()]


def test_the_docs_list_every_command_of_the_scripts():
    scripts = (ROOT / "common/registry/redis_scripts.c").read_text()
    commands = {f"+{name.lower()}" for name in re.findall(r"redis\.call\('(\w+)'", scripts)}
    assert commands and commands - set(RULES) == set()
    trial = re.search(r"char trial\[\] =(.*?);\n\n", scripts, re.S).group(1)
    assert {f"+{name.lower()}" for name in re.findall(r"redis\.call\('(\w+)'", trial)} == commands, "the trial tries each"


def acl_user(redis, rules):
    assert redis.command("ACL", "SETUSER", "weir", "reset", "on", ">s3cret", *rules) == "OK"


LOGIN = {"registry.redis_user": "weir", "registry.redis_password": "s3cret", "registry.redis_prefix": "w:"}


def test_a_user_with_the_least_rights_in_another_database(redis_cluster, children, encoder):
    redis = Redis(children).start()
    acl_user(redis, RULES)
    common = {"registry.redis": redis.address, "registry.redis_db": 3, **LOGIN}
    made = redis_cluster(redis=redis, common=common)
    first = encoder(made.origins[0].rtmp_port)
    assert media.codecs(made.edges[1].flv()) == {"h264", "aac"}
    first.close()
    encoder(made.origins[1].rtmp_port)
    wait_until(lambda: made.origins[0].api("streams")["streams"] == [], 10, "the other origin has taken it")
    assert redis.command("DBSIZE") == 0, "nothing in the first database"
    assert "db3:keys" in redis.command("INFO", "keyspace")
    for node in made.nodes():
        assert node.metric("weir_registry_errors_total") == 0
        assert not node.log_lines("redis does not take") and not node.log_lines("reason=NOPERM")
    made.edges[1].terminate()
    assert redis.command("ACL", "LOG") == [], "nothing was tried that is not allowed"


def test_what_is_wrong_with_the_login_is_told_in_one_line(redis_trouble, children):
    redis = Redis(children).start()
    acl_user(redis, RULES)
    redis.command("CONFIG", "SET", "requirepass", "s3cret")
    redis.password = "s3cret"
    server = {"registry.redis": redis.address}
    assert "registry.redis_password: NOAUTH" in redis_trouble(server)
    wrong = redis_trouble({**server, "registry.redis_password": "hunter2"})
    assert "registry.redis_password refused: WRONGPASS" in wrong and "hunter2" not in wrong
    assert "registry.redis_user with registry.redis_password refused: WRONGPASS" in redis_trouble(
        {**server, **LOGIN, "registry.redis_user": "nobody"})
    acl_user(redis, [*RULES, "-script"])
    line = redis_trouble({**server, **LOGIN})
    assert "registry.redis_user: NOPERM" in line and "script" in line
    acl_user(redis, RULES)
    assert "registry.redis_user: NOPERM" in redis_trouble({**server, **LOGIN, "registry.redis_prefix": "other:"})
    assert "out of range" in redis_trouble({**server, "registry.redis_password": "s3cret", "registry.redis_db": 9999})


@pytest.mark.parametrize("right", ["+evalsha", "+zadd", "&w:*"])
def test_a_right_that_is_missing_is_told_once_and_the_node_is_not_ready(nodes, children, right):
    redis = Redis(children).start()
    acl_user(redis, [rule for rule in RULES if rule != right])
    node = nodes("origin", {"registry.backend": "redis", "registry.redis": redis.address, **LOGIN})
    node.is_ready = lambda: "redis cannot be used" in node.log_text()
    node.start()

    def refused():
        entries = [dict(zip(entry[::2], entry[1::2])) for entry in redis.command("ACL", "LOG")]
        return sum(entry["count"] for entry in entries)

    begin, first = time.monotonic(), refused()
    wait_until(lambda: refused() >= first + 14, 20, "it has tried again")
    assert time.monotonic() - begin > 0.7, "less and less often"
    answer = web.request(node.http_port, "/readyz")
    assert answer.status == 503 and "registry.redis_user" in answer.json()["missing"][0]
    acl_user(redis, RULES)
    wait_until(lambda: redis.hash("w:node:origin"), 5, "it is there now")
    node.wait_log("redis can be used again", 5)
    assert len(node.log_lines("redis cannot be used")) == len(node.log_lines("redis can be used again")) == 1


def test_two_clusters_share_a_redis_by_their_databases(redis_cluster, nodes, children, encoder):
    """Channels know no databases: what one publishes of a name is none of the other's business."""
    redis = Redis(children).start()
    made = redis_cluster(redis=redis, origins=1, edges=1)
    source = encoder(made.origins[0].rtmp_port)
    wait_until(lambda: int(made.stream().get("track", "0")) > 1, 10, "the stream is in the map")
    other = nodes("origin", {"registry.backend": "redis", "registry.redis": redis.address, "registry.redis_db": 1},
                  name="staging").start()
    wait_until(lambda: redis.command("PUBSUB", "NUMSUB", "weir:changes:1") == ["weir:changes:1", 1], 5, "it listens")
    encoder(other.rtmp_port)
    wait_until(lambda: other.api("streams")["streams"], 10, "the other cluster has a stream of that name")
    number = int(made.stream()["number"])
    wait_until(lambda: int(made.stream()["number"]) > number + 1, 10, "the first one goes on")
    assert not made.origins[0].log_lines("another origin has the stream")
    assert source.answers == ["NetStream.Publish.Start"]


def test_two_clusters_share_a_redis_by_their_prefixes(redis_cluster, children, encoder):
    redis = Redis(children).start()
    made = redis_cluster(redis=redis, common={"registry.redis": redis.address, "registry.redis_prefix": "one:"})
    other = Node(children, "edge", {"registry.backend": "redis", "registry.redis": redis.address, "registry.redis_prefix": "two:"},
                 name="stranger")
    other.is_ready = lambda: bool(redis.hash("two:node:stranger"))
    other.start()
    encoder(made.origins[0].rtmp_port)
    wait_until(lambda: redis.hash("one:stream:live/cam1"), 10, "the stream is in the map")
    assert [one["id"] for one in other.api("nodes")["nodes"]] == ["stranger"]
    other.finish()


def test_a_redis_cluster_is_refused_at_the_start(children):
    cluster = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", str(free_port())]
    redis = Redis(children, options=cluster).start()
    for role in ("origin", "edge"):
        node = Node(children, role, {"registry.backend": "redis", "registry.redis": redis.address, "node.workers": 2})
        result = subprocess.run(node.command(), capture_output=True, text=True, timeout=20, env=node_environment(), check=False)
        assert result.returncode == 1
        lines = [line for line in (result.stdout + result.stderr).splitlines() if "Redis Cluster" in line and "error" in line.lower()]
        assert len(lines) == 1 and "Sentinels" in lines[0] and redis.address in lines[0], result.stderr
