"""Real nodes for the tests: one Node is one process, a Cluster is an origin and its edges."""
import os
import random
import re
import socket
import subprocess
from pathlib import Path

import web
from process import SANITIZER, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(os.environ.get("WEIR_BIN", ROOT / "build/bin"))
READY_TIMEOUT = 10
# Below the kernel's ephemeral ports, so that no outgoing connection takes one while its node restarts.
# Tests that run at once choose from ranges of their own.
RANGE, RANGES = 4500, 4
PORTS = range(12000 + RANGE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % RANGES), 30000)[:RANGE]
SAMPLE = re.compile(r"^([a-z_:][a-z0-9_:]*(?:\{[^}]*\})?) (\S+)$")


GIVEN = set()


def free_port():
    """A port that nobody has now, and that was not given out lately: its node may not have it yet."""
    if len(GIVEN) > RANGE // 2:
        GIVEN.clear()
    while True:
        port = random.choice(PORTS)
        if port in GIVEN:
            continue
        GIVEN.add(port)
        with socket.socket() as probe:
            try:
                probe.bind(("0.0.0.0", port))
                return port
            except OSError:
                continue


def free_ports(count):
    """So many of them, no two alike."""
    ports = set()
    while len(ports) < count:
        ports.add(free_port())
    return list(ports)


def program(role):
    path = BIN / f"weir-{role}"
    assert path.exists(), f"{path} is not there: build first (cmake --preset release, cmake --build build/release)"
    return path


def run_program(role, *arguments, env=None, timeout=20):
    """Runs a node's program to its end; for what is expected to fail or to print and leave."""
    return subprocess.run([program(role), *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env=env, stdin=subprocess.DEVNULL, check=False)


def node_environment(more=None):
    """The tests' own environment, without configuration that it may carry."""
    kept = {k: v for k, v in os.environ.items() if not (k.startswith("WEIR_") and "__" in k)}
    return {**kept, **(more or {})}


class Node:
    """A weir-origin or weir-edge on loopback. Made stopped; `start` waits until it is ready."""

    address = "127.0.0.1"  # where the test reaches it

    def __init__(self, children, role, settings=None, name=None, env=None):
        self.children, self.role, self.name = children, role, name or role
        self.settings = dict(settings or {})
        self.env = env
        self.command_options = []  # beside the --set of each setting
        self.folder = children.folder / self.name
        self.folder.mkdir()
        self.log_path = children.folder / f"{self.name}.log"
        self.child = None
        self.ended = False  # by the test itself
        self.was_ready = False
        self.rtmp_port, self.http_port, self.relay_port = free_ports(3)

    # --- addresses ---

    def rtmp(self, name="live/cam1"):
        return f"rtmp://127.0.0.1:{self.rtmp_port}/{name}"

    def flv(self, name="live/cam1"):
        return f"http://127.0.0.1:{self.http_port}/{name}.flv"

    @property
    def relay(self):
        return f"127.0.0.1:{self.relay_port}"

    # --- life ---

    def command(self):
        settings = {
            "rtmp.listen": f"127.0.0.1:{self.rtmp_port}",
            "http.listen": f"127.0.0.1:{self.http_port}",
            "relay.listen": self.relay,
            "node.state_dir": self.folder,
            "node.id": self.name,
            "node.drain": "0",  # SIGTERM ends it at once
            **self.settings,
        }
        sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
        return [program(self.role), *self.command_options, *sets]

    def start(self):
        for attempt in range(3):
            self.child = self.children.start(self.name, self.command(), env=node_environment(self.env))
            self.ended = False
            wait_until(lambda: not self.child.running() or self.is_ready(), READY_TIMEOUT, f"{self.name} is ready")
            if self.child.running():
                return self
            # The ports of a first start are only guesses; those of a restart are promised to others.
            if attempt == 2 or self.was_ready or "in use" not in self.log_text():
                break
            self.rtmp_port, self.http_port, self.relay_port = free_ports(3)
        self.ended = True
        raise AssertionError(f"{self.name} did not start:\n{self.log_text()[-3000:]}")

    def is_ready(self):
        try:
            ready = web.request(self.http_port, "/readyz", host=self.address).status == 200
        except OSError:
            return False
        self.was_ready = self.was_ready or ready
        return ready

    def terminate(self, timeout=10):
        """SIGTERM; it must leave with status 0, in time, and without a word from a sanitizer."""
        self.ended = True
        self.child.signal(15)
        status = self.child.wait(timeout)
        assert not self.sanitizer_lines(), self.sanitizer_lines()
        assert status == 0, f"{self.name} left with status {status}:\n{self.log_text()[-3000:]}"

    def kill(self):
        self.ended = True
        self.child.kill()

    def finish(self):
        """At the end of a test: what still runs must end well; what a test killed must at least have no reports."""
        if self.child and not self.ended:
            assert self.child.running(), f"{self.name} ended by itself:\n{self.log_text()[-3000:]}"
            self.terminate()
        assert not self.sanitizer_lines(), self.sanitizer_lines()

    # --- what it says ---

    def log_text(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_lines(self, contains=""):
        return [line for line in self.log_text().splitlines() if contains in line]

    def wait_log(self, pattern, timeout=5):
        """The first match of a regular expression in the log."""
        return wait_until(lambda: re.search(pattern, self.log_text()), timeout, f"{self.name} logs {pattern}")

    def sanitizer_lines(self):
        return [line for line in self.log_lines() if SANITIZER.search(line)]

    def metrics(self):
        """{name or name{labels}: value} from /metrics."""
        answer = web.request(self.http_port, "/metrics", host=self.address)
        assert answer.status == 200
        samples = (SAMPLE.match(line) for line in answer.text().splitlines() if not line.startswith("#"))
        return {match.group(1): float(match.group(2)) for match in samples}

    def metric(self, name):
        return self.metrics()[name]

    def wait_metric(self, name, value, timeout=5):
        wait_until(lambda: self.metric(name) == value, timeout, f"{self.name}'s {name} is {value}")

    def api(self, path):
        answer = web.request(self.http_port, f"/api/v1/{path}", host=self.address)
        assert answer.status == 200, answer
        return answer.json()


def start_listed(origins):
    """Starts origins that know each other by the static registry. A first start may take another port than was guessed: then all begin
    again with what they have."""
    listed = None
    while listed != [one.relay for one in origins]:
        listed = [one.relay for one in origins]
        for one in origins:
            one.settings["registry.origins"] = ",".join(listed)
            if one.child:
                one.terminate()
            one.start()
    return listed


class Cluster:
    """One origin and `edges` edges that know it by the static registry. Settings for one role stand under its name."""

    def __init__(self, children, edges=1, workers=1, origin=None, edge=None):
        common = {"node.workers": workers}
        self.origin = Node(children, "origin", {**common, **(origin or {})}).start()
        names = ["edge"] + [f"edge{i}" for i in range(2, edges + 1)]
        self.edges = [Node(children, "edge", {**common, "registry.origins": self.origin.relay, **(edge or {})},
                           name=name) for name in names]
        for node in self.edges:
            node.start()

    @property
    def edge(self):
        return self.edges[0]

    def nodes(self):
        return [*self.edges, self.origin]

    def finish(self):
        for node in self.nodes():
            node.finish()
