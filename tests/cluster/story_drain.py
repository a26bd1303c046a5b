"""Nodes that are taken away on purpose: whoever they have moves to others first."""
import re
import socket
import time

from players import DashPlayer, HlsPlayer, LowLatencyPlayer
from process import wait_until
from weir import ROOT

KINDS = (HlsPlayer, LowLatencyPlayer, DashPlayer)
DRAIN = {"node.drain": "40s", "node.drain_notice": "1500ms", "node.drain_publisher": "1s"}
VIEWERS = {"node.drain_viewer": "1s"}
LIMIT = 60  # seconds that a drain may take here


class ExampleBalancer:
    """HAProxy with deploy/haproxy.cfg, its example's servers exchanged for the story's nodes."""

    def __init__(self, host, children, origins, edges):
        self.host, self.name = host, "balancer"
        self.rtmp_port, self.http_port = 1935, 80
        text = (ROOT / "deploy/haproxy.cfg").read_text()
        for nodes, backend, server in ((origins, "origins", "{}:1935 port 8080"), (edges, "edges_rtmp", "{}:1935 port 8080"),
                                       (edges, "edges_http", "{}:8080")):
            lines = "".join(f"\tserver {one.name} {server.format(one.host.public)}\n" for one in nodes)
            text = re.sub(rf"(backend {backend}\n(?:\t(?!server).*\n)+)(?:\tserver .*\n)+", lambda m: m.group(1) + lines, text)
        assert "192.0.2." not in text.split("global", 1)[1]
        self.control = children.folder / "balancer.sock"
        file = children.folder / "balancer.cfg"
        file.write_text(text.replace("global\n", f"global\n\tstats socket {self.control}\n", 1))
        self.child = host.start(children, "haproxy", ["/usr/sbin/haproxy", "-db", "-f", file])
        for one in [*origins, *edges]:
            self.wait_state(one, "UP")

    def _states(self, node):
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.control))
                control.sendall(b"show stat\n")
                rows = [line.split(",") for line in control.makefile().read().splitlines()]
        except OSError:
            return set()
        return {row[17] for row in rows if len(row) > 17 and row[1] == node.name}

    def wait_state(self, node, state):
        """Until its checks say so of the node, whatever protocols it serves."""
        wait_until(lambda: self._states(node) == {state}, 20, f"{node.name} is {state} at the balancer")


def story_drained_rolling_restart(cluster):
    """All origins and edges are drained and restarted, one at a time, behind the balancer that the manual describes."""
    c = cluster(settings=DRAIN, edge=VIEWERS)
    balancer = ExampleBalancer(c.lab.host("balancer"), c.children, c.origins, c.edges)
    encoders = [c.publish(balancer), c.publish(balancer, publisher=2, name="cam2")]
    place = [(balancer.host.public, balancer.http_port)]
    players = [c.player(kind, [], places=place, where="the balancer", name=f"live/{encoder.name}")
               for kind in KINDS for encoder in encoders]
    for one in players:
        wait_until(one.playing, 20, f"{one.who} plays")
    began, drains, moves = time.monotonic(), [], [0, 0]
    for node in c.nodes:
        for number, encoder in enumerate(encoders):
            moves[number] += node in c.publishing(f"live/{encoder.name}")
        asked = time.monotonic()
        node.terminate(LIMIT)
        drains.append(time.monotonic() - asked)
        assert node.log_lines('reason="drained: nobody is left"'), node.log_text()[-1000:]
        node.start()
        c.wait_linked(c.edges)
        balancer.wait_state(node, "UP")
        moment = time.monotonic()
        for one in players:
            for track in one.tracks:
                wait_until(lambda: track.taken[-1][0] > moment, 15, f"{track.who} plays on after the restart of {node.name}")
    c.figure("the longest of six drains", 1000 * max(drains))
    c.figure("a player's stall", 1000 * max(one.stalled(began, time.monotonic()) for one in players), wanted=0, bound=5000)
    for encoder, expected in zip(encoders, moves):
        assert len(encoder.accepted) == 1 + expected, f"{encoder.connections}: once for each drain of its origin, {expected}"
    c.figure("attempts of a publisher that came to nothing",
             sum(len(one.connections) - len(one.accepted) for one in encoders), unit="", wanted=0, bound=2)


def story_drain_ignored(cluster):
    """An origin drains; its publisher does nothing until it is closed. Viewers stay."""
    c = cluster(settings=DRAIN, edge=VIEWERS)
    encoder = c.publish()
    audience = c.watch()
    old, asked = encoder.present, time.monotonic()
    c.origins[0].terminate(LIMIT)
    c.figure("the drain", 1000 * (time.monotonic() - asked), bound=30000)
    again = c.wait_again(encoder, old)
    assert old.last - asked > 2, "it had its time"
    audience.wait_source(again.source)
    audience.assert_none_closed()
    c.figure("first frames at RTMP and FLV viewers after the new publish's", audience.first_of(again), wanted=500, bound=2000)
    gap = 1000 * (again.first - old.last)
    c.figure("a player's stall beyond the encoder's own gap", max(0, audience.stalled(asked) - gap), wanted=500, bound=4000)
    assert c.owner() == "origin2"
