"""A Redis server of the test's own, and clusters that know each other by it."""
import shutil
import socket

from process import wait_until
from weir import Node, free_port


class Redis:
    """A redis-server without persistence. Made stopped; `options` are further words of its command line."""

    host = "127.0.0.1"

    def __init__(self, children, name="redis", options=()):
        self.children, self.name, self.options, self.port, self.child = children, name, options, free_port(), None
        self.password = None  # of the default user

    @property
    def address(self):
        return f"{self.host}:{self.port}"

    def start(self):
        """Empty, as after a restart without persistence."""
        folder = self.children.folder / f"{self.name}.data"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.child = self.children.start(self.name, ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--save", "",
                                                     "--appendonly", "no", "--dir", folder, *self.options])
        wait_until(self.answers, 10, f"{self.name} answers")
        return self

    def stop(self):
        self.child.kill()

    def answers(self):
        try:
            return self.command("PING") == "PONG"
        except OSError:
            return False

    def command(self, *words):
        """The answer to one command: a text, a number, None or a list of them (RESP2)."""
        with socket.create_connection((self.host, self.port), timeout=5) as connection:
            file = connection.makefile("rb")
            if self.password:
                connection.sendall(_request("AUTH", self.password))
                assert _read(file) == "OK"
            connection.sendall(_request(*words))
            return _read(file)

    def role(self):
        """master or slave; None while it does not say, as when its role just changes."""
        try:
            answer = self.command("ROLE")
        except OSError:
            return None
        return answer[0] if isinstance(answer, list) else None

    def hash(self, key):
        """{field: text}"""
        flat = self.command("HGETALL", key)
        return dict(zip(flat[::2], flat[1::2]))


def _request(*words):
    encoded = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)


def _read(file):
    line = file.readline()
    if not line:
        raise ConnectionError("redis closed the connection")
    kind, rest = line[:1], line[1:-2].decode()
    if kind in b"+-":
        return rest
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == "-1" else file.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return [_read(file) for _ in range(int(rest))]
    raise AssertionError(f"no answer of Redis: {line!r}")


class RedisCluster:
    """Origins and edges that know each other by Redis. Settings for one role stand under its name. `redis` is started by
    who gives it; `common` is how nodes find it."""

    def __init__(self, children, origins=2, edges=2, workers=1, origin=None, edge=None, common=None, redis=None, wait=True):
        self.redis = redis or Redis(children).start()
        common = {"node.workers": workers, "registry.backend": "redis", **(common or {"registry.redis": self.redis.address})}
        self.origins = [Node(children, "origin", {**common, **(origin or {})}, name=f"origin{i}") for i in range(1, origins + 1)]
        self.edges = [Node(children, "edge", {**common, **(edge or {})}, name=f"edge{i}") for i in range(1, edges + 1)]
        for node in self.nodes():
            node.start()
        if wait:
            self.wait_linked()

    def nodes(self):
        return [*self.origins, *self.edges]

    def wait_linked(self):
        """Every edge has its links to every origin."""
        for edge in self.edges:
            wait_until(lambda: [one["state"] for one in edge.api("nodes")["nodes"] if one["role"] == "origin"]
                       == ["up"] * len(self.origins), 10, f"{edge.name} is linked")

    def stream(self, name="live/cam1"):
        """What the map says of a stream: {field: text}."""
        return self.redis.hash(f"weir:stream:{name}")

    def finish(self):
        for node in reversed(self.nodes()):
            node.finish()
