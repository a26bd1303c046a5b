"""Many viewers of one stream: Weir's edge, nginx-rtmp and the floor, by turns, at several sizes.

A floor writes on the schedule that its contestant was seen to keep: as many writes a second, the same bytes.
"""
from dataclasses import dataclass

import judge
import load
import servers
from bench import processes, say

MERGES = {"instant": "0ms", "merged": "170ms", "adaptive": "adaptive"}
MERGED = ["weir-rtmp-merged", "weir-flv-merged"]
ALL = ["weir-rtmp-instant", "nginx-rtmp", "weir-flv-instant", *MERGED]
SETTLE_MS = 1000  # with the quarter of a second before the window: longer than a GOP, for servers that begin at the next keyframe
ADAPT_MS = 9000  # until an adaptive edge has found how far it must merge
ALIKE = 0.06  # writes a second that count as the same schedule


@dataclass(frozen=True)
class Contestant:
    name: str
    server: object
    stream: str
    protocol: str
    floored: bool  # measured against a floor of its own schedule


class Field:
    """All contestants, running; only the one that is measured has viewers."""

    def __init__(self, children, clip, wanted):
        self.children, self.clip = children, clip
        self.floors = {}
        self.nginx = None
        self.origin = servers.start_origin(children)
        merges = MERGES if servers.can_merge() else {"instant": None}
        self.edge = servers.start_edge(children, self.origin, merges if servers.can_merge() else None)
        for app in merges:
            servers.publish(children, self.origin.rtmp_port, f"{app}/cam", clip)
        self.contestants = [Contestant(f"weir-{protocol}-{app}", self.edge, f"{app}/cam", protocol, app != "adaptive")
                            for app in merges for protocol in ("rtmp", "flv")]
        if not servers.Nginx.missing():
            self.nginx = servers.Nginx(children)
            servers.publish(children, self.nginx.port, "live/cam", clip)
            self.contestants.insert(1, Contestant("nginx-rtmp", self.nginx, "live/cam", "rtmp", False))
        self.contestants = [c for c in self.contestants if c.name in wanted]

    def floor_for(self, protocol, writes_per_second):
        """One of that protocol that runs already if it writes as often, give or take `ALIKE`; else one of its own."""
        def distance(merge):
            return abs(self.clip.writes_per_second(merge) / writes_per_second - 1)

        merge = min((merge for spoken, merge in self.floors if spoken == protocol), key=distance, default=None)
        if merge is None or distance(merge) > ALIKE:
            merge = self.clip.merge_for(writes_per_second)
            self.floors[protocol, merge] = servers.Floor(self.children, self.clip, merge, protocol)
        return Contestant(f"floor-{protocol}-{merge}", self.floors[protocol, merge], "live/cam", protocol, False)


class Size:
    """The rounds at one number of viewers."""

    def __init__(self, bench, field, viewers, seconds):
        self.bench, self.field, self.viewers, self.seconds = bench, field, viewers, seconds
        self.floor_of = {}  # contestant's name: its floor
        self.overloads = {}  # contestant's name: rounds in which a core was too busy

    def measure(self, contestant, number):
        row = load.run(self.field.children, contestant.server, contestant.stream, seconds=self.seconds, settle_ms=SETTLE_MS,
                       **{contestant.protocol: self.viewers})
        row["messages_sent_per_s"] = self.field.clip.messages_per_second
        self.bench.keep("fanout", round=number, contestant=contestant.name, **row)
        self.overloads[contestant.name] = self.overloads.get(contestant.name, 0) + judge.overloaded(row)
        why = judge.unfit(row, self.field.clip.messages_per_second)
        say(f"  {self.viewers:5} {number} {contestant.name:20} {row['cpu_per_gb'] or 0:6.3f} s/GB "
            f"{row.get('writes_per_s_viewer') or 0:6.1f} writes/s, load {row['load_cpu_s'] / row['window_s']:.0%} {why or ''}")
        return row

    def choose_floors(self, rows):
        for contestant, row in rows:
            if contestant.floored and row.get("writes_per_s_viewer"):
                self.floor_of[contestant.name] = self.field.floor_for(contestant.protocol, row["writes_per_s_viewer"])
                self.bench.keep("schedule", viewers=self.viewers, contestant=contestant.name,
                                floor=self.floor_of[contestant.name].name, writes_per_s_viewer=row["writes_per_s_viewer"])

    def round(self, number):
        """The first round also shows the schedules; its floors run after their contestants."""
        with self.bench.quiet():
            if number == 0:
                rows = [(c, self.measure(c, 0)) for c in self.field.contestants]
                self.choose_floors(rows)
                for floor in set(self.floor_of.values()):
                    self.measure(floor, 0)
                return
            for contestant in judge.order(self.in_turn(), number):
                self.measure(contestant, number)

    def in_turn(self):
        """Each floor stands behind the first contestant that it belongs to. Who was overloaded twice is spared the rest."""
        turns = []
        for contestant in self.field.contestants:
            turns.append(contestant)
            floor = self.floor_of.get(contestant.name)
            if floor and floor not in turns:
                turns.append(floor)
        return [contestant for contestant in turns if self.overloads.get(contestant.name, 0) < 2]


def count_nginx_writes(bench, field):
    """On a short run of its own: tracing makes a process slow."""
    if not field.nginx:
        return
    viewers, seconds, counted = 20, 3, []

    def on_event(event):
        if event == "settled":
            counted.append(servers.count_writes(field.children, field.nginx.pid, seconds))

    load.run(field.children, field.nginx, "live/cam", rtmp=viewers, seconds=seconds + 1, on_event=on_event)
    bench.keep("nginx-writes", writes_per_s_viewer=counted[0] / seconds / viewers if counted[0] else None)


def measure(bench, clip, sizes, rounds, seconds):
    """`sizes` gives who is measured with so many viewers. A thousand have in two seconds what a hundred have in twenty."""
    with processes() as children:
        field = Field(children, clip, ALL)
        count_nginx_writes(bench, field)
        for viewers in sizes:
            size = Size(bench, field, viewers, seconds if viewers < 1000 else max(seconds - 1, 1))
            for number in range(rounds):
                size.round(number)


def adapt(bench, clip, sizes, seconds=3):
    """The adaptive edge between its two ends: one run of each for each size, the adaptive one once it has settled."""
    with processes() as children:
        field = Field(children, clip, [f"weir-rtmp-{merge}" for merge in MERGES])
        for viewers in sizes:
            with bench.quiet():
                for contestant in field.contestants:
                    adapt_run(bench, field, contestant, viewers, seconds)


def adapt_run(bench, field, contestant, viewers, seconds):
    settle_ms = ADAPT_MS if contestant.name.endswith("adaptive") else SETTLE_MS
    row = load.run(field.children, contestant.server, contestant.stream, rtmp=viewers, seconds=seconds, settle_ms=settle_ms)
    row["messages_sent_per_s"] = field.clip.messages_per_second
    bench.keep("adaptive", round=0, contestant=contestant.name, **row)
    say(f"  {viewers:5} {contestant.name:20} {row['cpu_per_gb'] or 0:6.3f} s/GB, {row['writes_per_s_viewer']:.1f} writes/s, "
        f"latency {row['latency_ms'] and row['latency_ms']['p50']} ms {judge.unfit(row, field.clip.messages_per_second) or ''}")
