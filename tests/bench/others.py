"""The scenarios beside the fan-out: memory, first frames, several workers, many streams, a storm of viewers."""
import signal
import threading
import time

import judge
import load
import servers
from bench import processes, say

BOTH_CORES = "0,1"
INSTANT = {"live": "0ms"}


def merging(merge=None):
    """Of the app `live`, for builds that know the key."""
    return (merge or INSTANT) if servers.can_merge() else None


# --- resident bytes of a viewer ---

STALL_S = 3
LOG_S = 4  # longer than from the stalling to the measuring: the log still has the block that each of them is in the middle of


def weir_for_memory(children, clip):
    """Its log is soon as full as it gets, so that what grows afterwards is the viewers'."""
    origin = servers.start_origin(children)
    edge = servers.start_edge(children, origin, merging(), **{"stream.log_duration": f"{LOG_S}s"})
    servers.publish(children, origin.rtmp_port, "live/cam", clip)
    return edge


def nginx_for_memory(children, clip):
    nginx = servers.Nginx(children)
    servers.publish(children, nginx.port, "live/cam", clip)
    return nginx


def writes_per_second(server, seconds=0.1):
    """In a moment; None where the server does not tell."""
    before, began = server.counters(), time.monotonic()
    time.sleep(seconds)
    after = server.counters()
    return (after[0] - before[0]) / (time.monotonic() - began) if before else None


def memory_round(bench, name, make, clip, protocol, viewers, number, stops):
    """One viewer first, who stays, until all that the stream itself needs is there; then many; then, if `stops`, none of them reads any more, and
    their sockets are full: hardly anything is written. Where they play on instead, what grows in the same time is not theirs."""
    with processes() as children, bench.quiet():
        server, seen, writes = make(children, clip), {}, {}

        def on_event(event):
            seen[event] = servers.resident_bytes(server.pid)
            writes[event] = writes_per_second(server)

        children.start("first", servers.on_core(servers.LOAD_CORE, [
            servers.program("load"), "--stream", "live/cam", f"--{protocol}", server.address_of(protocol), f"--{protocol}-viewers", 1,
            "--seconds", 600]))
        time.sleep(LOG_S + 1)
        first = servers.resident_bytes(server.pid)
        load.run(children, server, "live/cam", seconds=STALL_S, settle_ms=1000, more=["--stall", viewers] if stops else [], on_event=on_event,
                 **{protocol: viewers})
    for state, event in (("playing", "settled"), ("stalled" if stops else "playing on", "closed")):
        row = bench.keep("memory", contestant=name, state=state, protocol=protocol, round=number, viewers=viewers, stops=stops,
                         per_viewer=(seen[event] - first) / viewers,
                         writes_per_s_viewer=writes[event] and writes[event] / viewers)
        say(f"  {name} {protocol} {state}: {row['per_viewer']:.0f} bytes a viewer, {row['writes_per_s_viewer'] or 0:.1f} writes/s")


def memory(bench, clip, viewers, rounds=5):
    for number in range(1 if bench.quick else rounds):
        for stops in judge.order((True, False), number):
            memory_round(bench, "weir", weir_for_memory, clip, "rtmp", viewers, number, stops)
            if not bench.quick:
                memory_round(bench, "weir", weir_for_memory, clip, "flv", viewers, number, stops)
        if number == 0 and not bench.quick and not servers.Nginx.missing():
            memory_round(bench, "nginx-rtmp", nginx_for_memory, clip, "rtmp", viewers, number, True)


# --- from play to the first frame ---

def first_frame(bench, clip, viewers=20):
    """One viewer after the other, of a stream that the edge has; then each of a stream that it must fetch."""
    for number in range(5):
        with processes() as children, bench.quiet():
            origin = servers.start_origin(children)
            edge = servers.start_edge(children, origin, merging())
            servers.publish(children, origin.rtmp_port, "live/cam", clip)
            for protocol in ("rtmp", "flv"):
                servers.publish(children, origin.rtmp_port, f"live/{protocol}", clip, count=viewers)
                for name, stream, more in (("fetched", f"live/{protocol}", ["--each"]), ("there", "live/cam", [])):
                    row = load.run(children, edge, stream, seconds=1, settle_ms=300, ramp=10, more=more, **{protocol: viewers})
                    bench.keep("first-frame", contestant=name, protocol=protocol, round=number, **row)
                    say(f"  {name} {protocol}: {row['play_ms']['p50']} ms, p99 {row['play_ms']['p99']} ms")


# --- two workers against one ---

def worker_bytes(edge):
    """What each worker's sockets have sent."""
    return {name: value for name, value in edge.metrics().items() if name.startswith("weir_worker_sent_bytes_total")}


def workers(bench, clip, viewers=500, rounds=5):
    """Neither is pinned more than the other: both may use both cores, the load client too."""
    with processes() as children:
        origin = servers.start_origin(children, cores=BOTH_CORES)
        servers.publish(children, origin.rtmp_port, "live/cam", clip, cores=BOTH_CORES)
        edges = {count: servers.start_edge(children, origin, merging(), cores=BOTH_CORES, **{"node.workers": count})
                 for count in (1, 2)}
        for number in range(rounds):
            with bench.quiet():
                for count in judge.order(edges, number):
                    workers_run(bench, children, edges[count], count, viewers, number)


def workers_run(bench, children, edge, count, viewers, number):
    seen = []
    row = load.run(children, edge, "live/cam", rtmp=viewers, settle_ms=1000, core=BOTH_CORES, on_event=lambda _: seen.append(worker_bytes(edge)))
    sent = [seen[1][worker] - seen[0].get(worker, 0) for worker in seen[1]]
    row["greatest_share"] = max(sent) / sum(sent)
    bench.keep("workers", contestant=f"{count}-workers", round=number, **row)
    say(f"  {count} workers: {row['cpu_per_gb']:.3f} s/GB, one has {row['greatest_share']:.0%} of the bytes")


# --- many streams of one viewer ---

def streams(bench, clip, sizes=(200, 1000, 2000), rounds=2):
    for number in range(rounds):
        for count in judge.order(sizes, number):
            with processes() as children, bench.quiet():
                streams_run(bench, children, clip, count, number)


def streams_run(bench, children, clip, count, number):
    """Four busy processes on two cores: each takes what the others leave."""
    origin = servers.start_origin(children, cores=BOTH_CORES)
    edge = servers.start_edge(children, origin, merging(), cores=BOTH_CORES)
    publisher = servers.publish(children, origin.rtmp_port, "live/many", clip, count=count, cores=BOTH_CORES)
    seen = []

    def on_event(_):
        seen.append((servers.cpu_seconds(origin.pid), servers.cpu_seconds(publisher.pid)))

    row = load.run(children, edge, "live/many", rtmp=count, seconds=5, settle_ms=3000, ramp=1000, more=["--each"],
                   on_event=on_event, core=BOTH_CORES)
    row["window_all_s"] = row["window_s"] + load.EVENT_S  # "settled" comes before the window
    row["origin_cpu_s"], row["publisher_cpu_s"] = (after - before for before, after in zip(*seen))
    bench.keep("streams", contestant="weir", round=number, streams=count, **row)
    say(f"  {count} streams: edge {1e6 * row['server_cpu_s'] / row['window_s'] / count:.0f} us/s each, "
        f"origin {1e6 * row['origin_cpu_s'] / row['window_all_s'] / count:.0f}, {row['full_rate']} at full rate {row['why']}")


# --- streams that stand still ---

def idle(bench, clip, sizes=(20, 400), seconds=3):
    """Encoders that are stopped, with a viewer each: what the nodes still do is counted, for few and for many."""
    for count in sizes:
        with processes() as children, bench.quiet():
            origin = servers.start_origin(children)
            edge = servers.start_edge(children, origin, merging())
            publisher = servers.publish(children, origin.rtmp_port, "live/many", clip, count=count)

            def on_event(event):
                if event != "settled":
                    return
                publisher.signal(signal.SIGSTOP)
                time.sleep(1)  # what was on its way has arrived
                for role, node in (("origin", origin), ("edge", edge)):
                    calls = servers.count_calls(children, node.pid, seconds)
                    bench.keep("idle", contestant="weir", streams=count, role=role, seconds=seconds, calls=calls)
                    say(f"  {role}, {count} streams that stand still: {sum(calls.values()) / seconds:.0f} system calls a second {calls}")
                publisher.signal(signal.SIGCONT)

            load.run(children, edge, "live/many", rtmp=count, seconds=1, settle_ms=1000, ramp=1000, more=["--each"], on_event=on_event)


# --- viewers who come and go at once ---

def storm(bench, clip, viewers=100, crowd=500, rounds=5):
    with processes() as children:
        origin = servers.start_origin(children)
        edge = servers.start_edge(children, origin, merging())
        servers.publish(children, origin.rtmp_port, "live/cam", clip)
        for number in range(rounds):
            with bench.quiet():
                for name in judge.order(["calm", "storm"], number):
                    storm_run(bench, children, edge, name, viewers, crowd, number)


def storm_run(bench, children, edge, name, viewers, crowd, number):
    """All go before the crowd's client on their core: what counts is what the edge does."""
    others = []

    def on_event(event):
        if event == "settled" and name == "storm":
            others.append(threading.Thread(target=come_and_go, args=(children, edge, crowd)))
            others[0].start()

    row = load.run(children, edge, "live/cam", rtmp=viewers, seconds=4, settle_ms=1000, on_event=on_event)
    for thread in others:
        thread.join()
    bench.keep("storm", contestant=name, round=number, **row)
    say(f"  {name}: latency p99 {row['latency_ms']['p99']} ms")


def come_and_go(children, edge, crowd):
    """Comes within a second, plays for two and is gone all at once, when the client ends."""
    child = children.start("crowd", servers.on_core(servers.LOAD_CORE, [
        servers.program("load"), "--stream", "live/cam", "--rtmp", edge.address_of("rtmp"), "--rtmp-viewers", crowd, "--ramp", crowd,
        "--settle", 1000, "--seconds", 1], priority="1"))
    child.wait(30)
