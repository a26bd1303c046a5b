"""Redis on hosts: one server, or a master and its replica behind three Sentinels."""
import signal

import redis
import sentinel
from nodes import OnHost

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


class Watched(Map, sentinel.Watched):
    """A master and its replica, and three Sentinels, on three hosts."""

    def __init__(self, lab, children):
        self.machines = [lab.host(f"redis{number}") for number in (1, 2, 3)]
        super().__init__(children)

    def make_server(self, number, options=()):
        return Server(self.machines[number - 1], self.children, options)

    def make_sentinel(self, number, master):
        machine = self.machines[number - 1]
        return sentinel.Sentinel(OnHost(machine, self.children), f"sentinel{number}", master, place=(machine.private, SENTINEL))

    def up(self):
        return self.master.up()
