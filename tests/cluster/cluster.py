"""A whole cluster in a lab: origins, edges, Redis, encoders, and viewers of every form at every edge."""
import re
import time

import figures
from encoders import Encoder, Ffmpeg
from live import FlvViewer, RtmpViewer
from maps import Server, Watched
from nodes import Node
from players import DashPlayer, HlsPlayer, LowLatencyPlayer
from process import SLOW, wait_until
from witness import Witness

# Short segments, so that players are soon where they want to be.
PACKAGING = {"package.segment": "1s", "package.part": "200ms"}
STREAM_TTL, NODE_TTL = 60, 10  # of the map's keys, in seconds
LIVE, PLAYERS = (RtmpViewer, FlvViewer), (HlsPlayer, LowLatencyPlayer, DashPlayer)


class Audience:
    """Viewers of one stream. All of them record from the moment that they are made."""

    def __init__(self, cluster, edges, kinds, name):
        self.cluster = cluster
        witness = cluster.witness(name)
        self.all = [kind(edge, witness, name=name) for edge in edges for kind in kinds]

    @property
    def live(self):
        return [one for one in self.all if isinstance(one, LIVE)]

    @property
    def players(self):
        return [one for one in self.all if isinstance(one, PLAYERS)]

    def at(self, *edges):
        """The viewers at these edges only."""
        part = Audience.__new__(Audience)
        part.cluster = self.cluster
        part.all = [one for one in self.all if getattr(one, "edge", None) in edges
                    or getattr(one, "places", None) in [[(edge.host.public, edge.http_port)] for edge in edges]]
        return part

    def wait_playing(self, timeout=20):
        for one in self.all:
            wait_until(one.playing, timeout, f"{one.who} plays")

    def wait_source(self, source, timeout=15):
        """Until every viewer has frames of a publisher's connection."""
        for one in self.all:
            wait_until(lambda: one.first_of(source), timeout, f"{one.who} sees {source}")

    def wait_live_source(self, source, timeout=15):
        """The same of RTMP and FLV viewers alone."""
        for one in self.live:
            wait_until(lambda: one.first_of(source), timeout, f"{one.who} sees {source}")

    def wait_frames_after(self, moment, timeout=15):
        """Until each RTMP and FLV viewer has a frame that came after `moment`."""
        for one in self.live:
            wait_until(lambda: one.frames and one.frames[-1].arrival > moment, timeout, f"{one.who} goes on")

    def first_of(self, connection):
        """How long after the encoder's sending of a connection's first keyframe the last live viewer had it, in ms."""
        return 1000 * max(one.first_of(connection.source) - connection.first for one in self.live)

    def stalled(self, since, until=None):
        """The longest standing still of a player, in ms."""
        until = until or time.monotonic()
        for one in self.players:
            for track in one.tracks:
                told = [f"{b - a:.2f} s at {a - since:+.2f}" for a, b in track.buffer.all_stalls(until) if b > since and a < until]
                if told:
                    print(f"{track.who} stood still: {', '.join(told[:8])}; troubles: {track.troubles[-3:]}")
        return 1000 * max(one.stalled(since, until) for one in self.players)

    def silence(self, since, until=None):
        """The longest silence at an RTMP or FLV viewer, in ms."""
        return 1000 * max(one.silence(since, until) for one in self.live)

    def lost(self):
        """{who: frames that are missing within an epoch}"""
        cursors = [one.cursor for one in self.live] + [track.cursor for one in self.players for track in one.tracks]
        return {one.who: one.lost for one in cursors if one.lost}

    def assert_none_closed(self):
        closed = {one.who: one.why for one in self.live if one.closed}
        assert not closed, f"viewers were closed: {closed}"

    def close(self):
        for one in self.all:
            if hasattr(one, "stopping"):
                one.stopping.set()
            else:
                one.closing = True
        for one in self.all:
            one.close()


class Cluster:
    """Nodes that know each other by Redis. Settings for one role stand under its name."""

    def __init__(self, lab, children, tags, story, origins=3, edges=3, workers=2, settings=None, origin=None, edge=None,
                 env=None, delay_ms=0, sentinels=False, wrap=None):
        self.lab, self.children, self.tags, self.story = lab, children, tags, story
        self.redis = Watched(lab, children) if sentinels else Server(lab.host("redis"), children).start()
        self.common = {"node.workers": workers, "registry.backend": "redis", **self.redis.settings(), **(settings or {})}
        self.delay_ms, self.wrap = delay_ms, wrap or {}
        self.origin_settings, self.edge_settings = {**PACKAGING, **(origin or {})}, edge or {}
        env = env or {}
        self.origins = [self._node("origin", f"origin{i}", env) for i in range(1, origins + 1)]
        self.edges = [self._node("edge", f"edge{i}", env) for i in range(1, edges + 1)]
        self.studio = lab.host("studio")
        self.witnesses, self.encoders, self.audiences = {}, [], []
        self.may_lose, self.forgives = False, []
        for node in self.nodes:
            node.start()
        self.wait_linked(self.edges)
        self.registry_connections = {node.role: node.metric("weir_registry_connections") for node in self.nodes}

    def _node(self, role, name, env):
        own = self.origin_settings if role == "origin" else self.edge_settings
        made = Node(self.lab.host(name), self.children, role, {**self.common, **own}, env=env.get(name))
        if name in self.wrap:
            made.wrap = [*self.wrap[name], made.folder]
        if role == "origin" and self.delay_ms:
            made.behind_slow_line(self.delay_ms)
        return made

    @property
    def nodes(self):
        return [*self.origins, *self.edges]

    def add_edge(self):
        """One more edge, ready."""
        self.edges.append(self._node("edge", f"edge{len(self.edges) + 1}", {}))
        self.edges[-1].start()
        return self.edges[-1]

    def wait_linked(self, edges):
        """Every edge has its links to every origin that lives."""
        up = ["up"] * sum(one.child.running() for one in self.origins)
        for edge in edges:
            wait_until(lambda: [one["state"] for one in edge.api("nodes")["nodes"]
                                if one["role"] == "origin" and one["state"] == "up"] == up, 15, f"{edge.name} is linked")

    # --- who publishes and who watches ---

    def witness(self, name="live/cam1"):
        return self.witnesses.setdefault(name, Witness(name))

    def encoder(self, targets=None, host=None, tags=None, **options):
        """Publishes to the first origin, and to the next one whenever that breaks. Comes back when it publishes."""
        made = Encoder(host or self.studio, targets or self.origins, tags or self.tags, **options)
        self.encoders.append(made)
        return made

    def publish(self, *targets, **options):
        made = self.encoder(targets, **options)
        wait_until(lambda: made.present, 10, "the encoder publishes")
        return made

    def ffmpeg(self, url, host=None, **options):
        made = Ffmpeg(host or self.studio, self.children, url, **options)
        self.encoders.append(made)
        return made

    def watch(self, edges=None, kinds=LIVE + PLAYERS, name="live/cam1", wait=True):
        """Viewers of every kind at every edge; comes back when all of them play."""
        made = Audience(self, edges or self.edges, kinds, name)
        self.audiences.append(made)
        if wait:
            made.wait_playing()
        return made

    def player(self, kind, edges, name="live/cam1", **options):
        """One player that may go to any of these edges."""
        made = Audience(self, [], [], name)
        made.all.append(kind(edges, self.witness(name), name=name, **options))
        self.audiences.append(made)
        return made.all[0]

    def wait_again(self, encoder, before, timeout=15):
        """The encoder's connection that publishes after `before`."""
        return wait_until(lambda: encoder.present not in (None, before) and encoder.present, timeout,
                          "the encoder publishes again")

    # --- what they did ---

    def figure(self, what, value, unit="ms", wanted=None, bound=None):
        """Writes a figure down. It fails the story only when it is over `bound` (times SLOW), which is generous."""
        figures.tell(self.story, what, round(value, 3), unit, wanted)
        if bound is not None:
            assert value <= bound * SLOW, f"{what}: {value:g} {unit}, over the bound of {bound * SLOW:g}"

    def publishing(self, name="live/cam1"):
        """The living origins that have a publisher of the stream."""
        return [one for one in self.origins if one.child.running() and any(
            stream["name"] == name and stream.get("publisher") for stream in one.api("streams")["streams"])]

    def standby(self, name="live/cam1"):
        """What the stream's origin says of its second encoder; None where there is none."""
        for origin in self.publishing(name):
            return origin.api(f"streams/{name}").get("standby")
        return None

    def owner(self, name="live/cam1"):
        """The origin that the map names; None while the stream is not live."""
        there = self.redis.stream(name)
        return there.get("origin") if there.get("state") == "live" else None

    def wait_one_owner(self, name="live/cam1", timeout=5):
        """One living origin has a publisher of the stream, and the map names that one."""
        def settled():
            publishing = [one.name for one in self.publishing(name)]
            return len(publishing) == 1 and self.owner(name) == publishing[0]
        wait_until(settled, timeout, f"one owner of {name}")

    # --- what must be true of all of them ---

    def check(self):
        """The invariants that can be looked at while everything runs."""
        for witness in self.witnesses.values():
            assert not witness.violations, "\n".join(witness.violations[:20])
        for node in self.nodes:
            assert node.ended or node.child.running(), f"{node.name} has died:\n{node.log_text()[-2000:]}"
            wrong = [line for line in node.log_lines("level=error")
                     if not any(re.search(pattern, line) for pattern in node.expected_errors)]
            assert not wrong, f"{node.name} logged errors: {wrong[:5]}"
            assert not node.sanitizer_lines(), node.sanitizer_lines()
        if not self.may_lose:
            lost = [one.lost() for one in self.audiences if one.lost()]
            assert not lost, f"frames were lost within an epoch: {lost}"

    def check_map(self):
        for name in {f"{one.app}/{one.name}" for one in self.encoders if isinstance(one, Encoder) and one.present}:
            self.wait_one_owner(name)
        self._check_expiry()

    def _check_expiry(self):
        """No key may stay for ever, nor longer than a renewal gives it; of `weir:nodes` each member carries its own end."""
        for key, left in self.redis.keys().items():
            limit = NODE_TTL if key.startswith("weir:node:") else STREAM_TTL
            assert key == "weir:nodes" or 0 <= left <= limit or left == -2, f"{key} expires in {left} s"

    def finish(self):
        """The end of every story: the invariants, then everything ends in order and leaves nothing in the map."""
        self.check()
        if self.redis.up():
            for node in self.nodes:
                if not node.ended:
                    node.wait_metric("weir_registry_connections", self.registry_connections[node.role], timeout=15)
            self.check_map()
        self.close()
        for audience in self.audiences:
            for one in audience.all:
                for track in getattr(one, "tracks", []):
                    assert track.taken, f"{track.who} never had anything"
        self.check()
        for node in reversed(self.nodes):
            node.finish()
        if self.redis.up():
            self._check_left_behind()

    def _check_left_behind(self):
        gone = [f"weir:node:{one.name}" for one in self.nodes if not one.killed]
        left = [key for key in self.redis.keys() if key in gone or key.startswith("weir:stream:")]
        assert not [key for key in left if key in gone], f"nodes that left are still in the map: {left}"
        self._check_expiry()

    def close(self):
        """Everybody leaves."""
        for audience in self.audiences:
            audience.close()
        for encoder in self.encoders:
            encoder.close()
