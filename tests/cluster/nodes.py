"""Weir's nodes and Redis, each on a host of its own."""
import signal
import sys
from pathlib import Path

import redis
import weir
from process import wait_until

RTMP, HTTP, RELAY, SLOW_LINE, REDIS = 1935, 8080, 1950, 2950, 6379
SECRET = "stories"


class OnHost:
    """A Children whose processes start on a host."""

    def __init__(self, host, children):
        self.host, self.children, self.folder = host, children, children.folder

    def start(self, name, arguments, **options):
        return self.host.start(self.children, name, arguments, **options)


class Node(weir.Node):
    """A node that serves viewers and encoders on the public network, and other nodes on the private one."""

    def __init__(self, host, children, role, settings, env=None):
        super().__init__(OnHost(host, children), role, settings, name=host.name, env=env)
        self.host, self.address = host, host.public
        self.rtmp_port, self.http_port, self.relay_port = RTMP, HTTP, RELAY
        self.settings = {
            "rtmp.listen": f"0.0.0.0:{RTMP}",
            "http.listen": f"0.0.0.0:{HTTP}",
            "relay.secret": SECRET,
            **self.settings,
        }
        self.expected_errors = []  # regular expressions of log lines that the story brings about
        self.killed = False
        self.wrap = []  # a command that runs the node's

    @property
    def relay(self):
        return f"{self.host.private}:{self.relay_port}"

    def rtmp(self, name="live/cam1"):
        return f"rtmp://{self.host.public}:{self.rtmp_port}/{name}"

    def command(self):
        return [*self.wrap, *super().command()]

    def start(self):
        self.killed = False
        self.wrap = []  # a command that runs the node's
        return super().start()

    def kill(self):
        self.killed = True
        super().kill()

    def behind_slow_line(self, delay_ms):
        """Other nodes reach its relay by a line on which each byte takes so long, in both directions."""
        line = f"{self.host.private}:{SLOW_LINE}"
        self.settings["relay.advertise"] = line
        self.children.start(f"{self.name}-line", [sys.executable, Path(__file__).parent / "delay.py", line, self.relay, delay_ms])

    def pause(self):
        self.child.signal(signal.SIGSTOP)

    def resume(self):
        self.child.signal(signal.SIGCONT)

    def restart(self):
        """Ends it in order and starts it again."""
        self.terminate()
        self.start()


class Redis(redis.Redis):
    """A redis-server on a host, without persistence."""

    def __init__(self, host, children):
        super().__init__(OnHost(host, children))
        self.machine, self.host, self.port = host, host.private, REDIS

    def start(self):
        self.child = self.children.start(self.machine.name, [
            "redis-server", "--port", self.port, "--bind", "0.0.0.0", "--protected-mode", "no", "--save", "",
            "--appendonly", "no", "--dir", self.children.folder])
        wait_until(self.answers, 10, "redis answers")
        return self

    def pause(self):
        self.child.signal(signal.SIGSTOP)

    def resume(self):
        self.child.signal(signal.SIGCONT)

    def keys(self, pattern="weir:*"):
        """{key: seconds until it expires, or -1}"""
        return {key: self.command("TTL", key) for key in self.command("KEYS", pattern)}

    def stream(self, name="live/cam1"):
        """What the map says of a stream: {field: text}."""
        flat = self.command("HGETALL", f"weir:stream:{name}")
        return dict(zip(flat[::2], flat[1::2]))
