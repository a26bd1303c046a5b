"""A Redis master, its replica, and three Sentinels that watch them."""
from process import wait_until
from redis import Redis

DOWN_AFTER_MS = 1000


class Sentinel(Redis):
    """One Sentinel. `settings` are further lines of its file, `place` is its host and port."""

    def __init__(self, children, name, master, settings=(), place=None):
        super().__init__(children, name)
        self.host, self.port = place or (self.host, self.port)
        folder = children.folder / name
        folder.mkdir()
        self.file = folder / "sentinel.conf"
        self.file.write_text("\n".join([
            f"port {self.port}", f"bind {self.host}", "protected-mode no", f"dir {folder}",
            f"sentinel monitor mymaster {master.host} {master.port} 2",
            f"sentinel down-after-milliseconds mymaster {DOWN_AFTER_MS}", "sentinel failover-timeout mymaster 3000",
            *settings, ""]))

    def start(self):
        self.child = self.children.start(self.name, ["redis-server", self.file, "--sentinel"])
        wait_until(self.answers, 10, f"{self.name} answers")
        return self

    def state(self):
        flat = self.command("SENTINEL", "master", "mymaster")
        return dict(zip(flat[::2], flat[1::2]))


class Watched:
    """Two servers and three Sentinels, running; commands go to the server that the Sentinels call the master. Where they
    run `make_server` and `make_sentinel` know."""

    def __init__(self, children, sentinel_settings=(), password=None):
        self.children, self.sentinel_settings = children, sentinel_settings
        first = self.make_server(1).start()
        second = self.make_server(2, ["--replicaof", first.host, first.port, "--repl-diskless-sync-delay", "0"]).start()
        self.servers = [first, second]
        self.sentinels = [self.make_sentinel(number, first) for number in (1, 2, 3)]
        for sentinel in self.sentinels:
            sentinel.password = password
            sentinel.start()
        wait_until(lambda: "master_link_status:up" in second.command("INFO", "replication"), 10, "the replica follows")
        for sentinel in self.sentinels:
            wait_until(lambda: (sentinel.state()["num-slaves"], sentinel.state()["num-other-sentinels"]) == ("1", "2"), 20,
                       f"{sentinel.name} knows the others")

    def make_server(self, number, options=()):
        return Redis(self.children, f"redis{number}", options)

    def make_sentinel(self, number, master):
        return Sentinel(self.children, f"sentinel{number}", master, self.sentinel_settings)

    def settings(self):
        """How nodes find it."""
        return {"registry.sentinels": ",".join(one.address for one in self.sentinels)}

    @property
    def master(self):
        host, port = self.sentinels[-1].command("SENTINEL", "get-master-addr-by-name", "mymaster")
        return next(one for one in self.servers if (one.host, one.port) == (host, int(port)))

    def other(self, server):
        return next(one for one in self.servers if one is not server)

    def command(self, *words):
        return self.master.command(*words)

    def hash(self, key):
        return self.master.hash(key)

    def wait_master(self, server, timeout=30):
        wait_until(lambda: self.master is server and server.role() == "master", timeout, f"{server.name} is the master")
