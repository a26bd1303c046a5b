"""Weir's nodes, each on a host of its own."""
import re
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import rtmp
import weir
from process import wait_until

RTMP, HTTP, RELAY, SLOW_LINE = 1935, 8080, 1950, 2950
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
            "http.advertise": f"{host.public}:{HTTP}",
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

    def flv(self, name="live/cam1"):
        return f"http://{self.host.public}:{self.http_port}/{name}.flv"

    def command(self):
        return [*self.wrap, *super().command()]

    def start(self):
        self.killed = False
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

    def clock_offset(self):
        """Seconds by which its clock is ahead of ours, from the log line that a connection brings about."""
        lines = len(self.log_lines())
        with rtmp.Client(self.rtmp_port, host=self.address) as client:
            client.connect()
        wait_until(lambda: len(self.log_lines("rtmp connection closed")) and len(self.log_lines()) > lines, 5, "a line")
        said = re.match(r"time=(\S+)Z ", self.log_lines("rtmp connection closed")[-1]).group(1)
        return datetime.fromisoformat(f"{said}+00:00").timestamp() - time.time()

    def drain(self):
        """SIGTERM; it lets what it has move elsewhere, and `wait_gone` waits for its end."""
        self.ended = True
        self.child.signal(signal.SIGTERM)

    def wait_gone(self, timeout):
        assert self.child.wait(timeout) == 0, f"{self.name} left in disorder:\n{self.log_text()[-3000:]}"

    def restart(self):
        """Ends it in order, which lets what it has move elsewhere before, and starts it again."""
        self.terminate(timeout=20)
        self.start()
