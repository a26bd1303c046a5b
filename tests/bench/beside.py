"""Contestants beside each other, in the same seconds on the same core, as many as fit.

Each has viewers, a load client and an encoder of its own. Whatever disturbs the machine disturbs all of them alike, millisecond by millisecond, so
that a ratio of two says more than figures of seconds that lie apart. In each group a second floor is the control.
"""
import threading
import time
from dataclasses import dataclass

import judge
import load
import servers
from bench import processes, say

AGAIN = "-again"  # of a floor's name: the control
SETTLE_MS, MARGIN_S, APART_S = 1500, 2, 0.037  # MARGIN_S: of the clients' windows beyond ours; APART_S: two encoders' frames


@dataclass(frozen=True)
class Group:
    viewers: int
    contestants: tuple  # names: server-protocol-merge
    seconds: int = 4


def instant(*servers_and_protocols):
    return tuple(f"{name}-instant" for name in servers_and_protocols)


def merged(*servers_and_protocols):
    return tuple(f"{name}-merged" for name in servers_and_protocols)


MERGED_S = 8  # six writes a second: one more or less must not count

# What stays below 80 % of a core together.
GROUPS = [
    Group(100, (*instant("weir-rtmp", "nginx-rtmp", "floor-rtmp", "weir-flv", "floor-flv"), "floor-rtmp-instant" + AGAIN)),
    Group(100, (*merged("weir-rtmp", "floor-rtmp", "weir-flv", "floor-flv"), "floor-rtmp-merged" + AGAIN), MERGED_S),
    Group(500, instant("weir-rtmp", "floor-rtmp")),
    Group(500, instant("weir-rtmp", "nginx-rtmp")),
    Group(500, instant("weir-flv", "floor-flv")),
    Group(500, instant("weir-flv", "nginx-rtmp")),
    Group(500, ("floor-rtmp-instant", "floor-rtmp-instant" + AGAIN)),
    Group(500, (*merged("weir-rtmp", "floor-rtmp", "weir-flv", "floor-flv"), "floor-rtmp-merged" + AGAIN), MERGED_S),
    Group(1000, (*merged("weir-rtmp", "floor-rtmp", "weir-flv", "floor-flv"), "floor-rtmp-merged" + AGAIN), MERGED_S),
    Group(2000, merged("weir-rtmp", "floor-rtmp"), MERGED_S),
    Group(2000, merged("weir-flv", "floor-flv"), MERGED_S),
    Group(2000, ("floor-rtmp-merged", "floor-rtmp-merged" + AGAIN), MERGED_S),
]
MERGE_OF = {"instant": "0ms", "merged": "170ms"}


@dataclass(frozen=True)
class Contestant:
    name: str
    server: object
    stream: str
    protocol: str


class Field:
    """The servers, begun when a group first needs them; they stay, without viewers, for the other groups."""

    def __init__(self, children, clip):
        self.children, self.clip = children, clip
        self.origin = servers.start_origin(children)
        self.contestants, self.schedules = {}, {}

    def contestant(self, name, viewers):
        """A floor writes as often as Weir was seen to do with so many viewers, in a short run of its own."""
        kind, protocol, merge = name.removesuffix(AGAIN).split("-")
        schedule = self.schedule(protocol, merge, viewers) if kind == "floor" else None
        key = (name, schedule)
        if key not in self.contestants:
            make = {"weir": self.make_weir, "nginx": self.make_nginx, "floor": self.make_floor}[kind]
            self.contestants[key] = Contestant(name, *make(name, protocol, schedule if kind == "floor" else merge), protocol)
            time.sleep(APART_S)
        return self.contestants[key]

    def schedule(self, protocol, merge, viewers):
        if (protocol, merge, viewers) not in self.schedules:
            weir = self.contestant(f"weir-{protocol}-{merge}", viewers)
            row = load.run(self.children, weir.server, weir.stream, settle_ms=SETTLE_MS, **{protocol: viewers})
            self.schedules[protocol, merge, viewers] = self.clip.merge_for(row["writes_per_s_viewer"])
        return self.schedules[protocol, merge, viewers]

    def make_weir(self, name, protocol, merge):
        edge = servers.start_edge(self.children, self.origin, {"live": MERGE_OF[merge]})
        servers.publish(self.children, self.origin.rtmp_port, f"live/{name}", self.clip)
        return edge, f"live/{name}"

    def make_nginx(self, *_):
        nginx = servers.Nginx(self.children)
        servers.publish(self.children, nginx.port, "live/cam", self.clip)
        return nginx, "live/cam"

    def make_floor(self, _, protocol, merge_ms):
        return servers.Floor(self.children, self.clip, merge_ms, protocol), "live/cam"


class Round:
    """All of a group play; their servers' CPU time is read before and after the same seconds."""

    def __init__(self, field, group, number):
        self.field, self.group = field, group
        self.contestants = [field.contestant(name, group.viewers) for name in group.contestants]
        self.reports, self.settled = {}, threading.Semaphore(0)
        self.threads = [threading.Thread(target=self.play, args=(c,)) for c in judge.order(self.contestants, number)]

    def play(self, contestant):
        def on_event(event):
            if event == "settled":
                self.settled.release()
        try:
            self.reports[contestant.name] = load.run(
                self.field.children, contestant.server, contestant.stream, seconds=self.group.seconds + MARGIN_S, settle_ms=SETTLE_MS,
                on_event=on_event, **{contestant.protocol: self.group.viewers})
        finally:
            self.settled.release()  # a client that failed is waited for no longer

    def measure(self):
        """{name: row}, each with what its server took in those seconds as `cpu_s`."""
        for thread in self.threads:
            thread.start()
        for _ in self.threads:
            self.settled.acquire()
        time.sleep(2 * load.EVENT_S)  # all windows are open
        before = self.cpu_times()
        time.sleep(self.group.seconds)
        after = self.cpu_times()
        for thread in self.threads:
            thread.join()
        return {c.name: {**self.reports[c.name], "cpu_s": after[c.name] - before[c.name]} for c in self.contestants}

    def cpu_times(self):
        return {c.name: servers.cpu_seconds(c.server.pid) for c in self.contestants}


def measure(bench, clip, sizes=None, rounds=5):
    """The groups of these sizes (all, if none is given)."""
    groups = [group for group in GROUPS if not sizes or group.viewers in sizes]
    with processes() as children:
        field = Field(children, clip)
        for group in groups:
            if servers.Nginx.missing() and any(name.startswith("nginx") for name in group.contestants):
                say(f"  without {group.contestants}: {servers.Nginx.missing()}")
                continue
            for turn in range(rounds):
                with bench.quiet():
                    keep(bench, clip, group, turn, Round(field, group, turn).measure())


def keep(bench, clip, group, turn, rows):
    for name, row in rows.items():
        bench.keep("beside", group=list(group.contestants), round=turn, contestant=name, messages_sent_per_s=clip.messages_per_second, **row)
    first = group.contestants[0]
    ratios = ", ".join(f"{name} {judge.beside_ratio(rows[first], rows[name]):.2f}" for name in group.contestants[1:])
    say(f"  {group.viewers:5} {turn} {first} to {ratios}")
