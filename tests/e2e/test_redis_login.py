"""Who may use Redis, what is in it, and which Redis is none for us."""
import re
import subprocess

import media
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


def test_an_announcement_that_redis_refuses_is_told(nodes, children):
    redis = Redis(children).start()
    acl_user(redis, [*RULES, "-zadd"])
    node = nodes("origin", {"registry.backend": "redis", "registry.redis": redis.address, **LOGIN}).start()
    node.wait_log("redis does not take that this node is there.*can't run this command", 5)
    acl_user(redis, RULES)
    wait_until(lambda: redis.hash("w:node:origin"), 5, "it is there now")
    assert len(node.log_lines("redis does not take that this node is there")) == 1


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
