"""Redis on hosts: one server, or a master and its replica behind three Sentinels."""
import signal

import redis
from nodes import OnHost
from process import wait_until

REDIS, SENTINEL = 6379, 26379
OPEN = ["--bind", "0.0.0.0", "--protected-mode", "no"]


class Map:
    """What a story asks of the map, wherever it is. `command` and `up` are the kind's own."""

    def keys(self, pattern="weir:*"):
        """{key: seconds until it expires, or -1}"""
        return {key: self.command("TTL", key) for key in self.command("KEYS", pattern)}

    def stream(self, name="live/cam1"):
        """What the map says of a stream: {field: text}."""
        return self.hash(f"weir:stream:{name}")


class Server(Map, redis.Redis):
    """A redis-server on a host, without persistence: empty whenever it starts."""

    def __init__(self, machine, children, options=()):
        super().__init__(OnHost(machine, children), machine.name, [*OPEN, *options])
        self.machine, self.host, self.port = machine, machine.private, REDIS

    def settings(self):
        """How nodes find it."""
        return {"registry.redis": self.address}

    def up(self):
        return self.child.running() and self.answers()

    def pause(self):
        self.child.signal(signal.SIGSTOP)

    def resume(self):
        self.child.signal(signal.SIGCONT)


class Sentinel(redis.Redis):
    """Watches a master."""

    def __init__(self, machine, children, master):
        super().__init__(OnHost(machine, children), f"sentinel-{machine.name}")
        self.host, self.port = machine.private, SENTINEL
        self.file = children.folder / f"{self.name}.conf"
        self.file.write_text("\n".join([
            f"port {SENTINEL}", "bind 0.0.0.0", "protected-mode no", f"dir {children.folder}",
            f"sentinel monitor mymaster {master.host} {master.port} 2", "sentinel down-after-milliseconds mymaster 1000",
            "sentinel failover-timeout mymaster 3000", ""]))

    def start(self):
        self.child = self.children.start(self.name, ["redis-server", self.file, "--sentinel"])
        wait_until(self.answers, 10, f"{self.name} answers")
        return self

    def state(self):
        flat = self.command("SENTINEL", "master", "mymaster")
        return dict(zip(flat[::2], flat[1::2]))


class Watched(Map):
    """A master and its replica, and three Sentinels, on three hosts."""

    def __init__(self, lab, children):
        machines = [lab.host(f"redis{i}") for i in range(1, 4)]
        first = Server(machines[0], children).start()
        second = Server(machines[1], children, ["--replicaof", first.host, first.port, "--repl-diskless-sync-delay", "0"]).start()
        self.servers = [first, second]
        self.sentinels = [Sentinel(machine, children, first).start() for machine in machines]
        wait_until(lambda: "master_link_status:up" in second.command("INFO", "replication"), 10, "the replica follows")
        for one in self.sentinels:
            wait_until(lambda: (one.state()["num-slaves"], one.state()["num-other-sentinels"]) == ("1", "2"), 20,
                       f"{one.name} knows the others")

    def settings(self):
        return {"registry.sentinels": ",".join(one.address for one in self.sentinels)}

    @property
    def master(self):
        host = self.sentinels[-1].command("SENTINEL", "get-master-addr-by-name", "mymaster")[0]
        return next(one for one in self.servers if one.host == host)

    def up(self):
        return self.master.up()

    def command(self, *words):
        return self.master.command(*words)

    def hash(self, key):
        return self.master.hash(key)
