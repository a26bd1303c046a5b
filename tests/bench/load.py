"""One run of the load client against one contestant, as a row of figures."""
import json
import statistics
import subprocess
import threading
import time

from servers import LOAD_CORE, on_core, program

RAMP = 2000  # viewers a second
EVENT_S = 0.25  # from "settled" to the window, and from its end to the client's


def run(children, server, stream, rtmp=0, flv=0, seconds=3, settle_ms=1500, ramp=RAMP, more=(), on_event=None,
        core=LOAD_CORE):
    """What the client reports: one dictionary, of both protocols together where both play. `on_event` gets "settled" and "closed"."""
    command = [program("load"), "--stream", stream, "--rtmp-viewers", rtmp, "--flv-viewers", flv, "--seconds", seconds,
               "--settle", settle_ms, "--ramp", ramp, "--server", server.pid, "--events", *more]
    command += ["--rtmp", server.address_of("rtmp")] if rtmp else []
    command += ["--flv", server.address_of("flv")] if flv else []
    child = children.start("load", on_core(core, command), stdout=subprocess.PIPE)
    limit = threading.Timer(60 + seconds + settle_ms / 1000 + (rtmp + flv) / ramp, child.kill)
    limit.start()
    counts, reports = [], []
    try:
        for line in child.process.stdout:
            told = json.loads(line)
            if "event" not in told:
                reports.append(told)
                continue
            counts.append((time.monotonic(), server.counters()))
            if on_event:
                on_event(told["event"])
    finally:
        limit.cancel()
        child.process.stdout.close()
        child.wait(10)
    assert reports and len(counts) == 2, f"the load client ended early: {child.text()[-500:]}"
    return row_of(reports, counts, rtmp + flv)


def median_cost(seconds):
    """CPU seconds per GB of the median second: one that a neighbour of the machine disturbed is left aside."""
    costs = [cpu / (count / 1e9) for cpu, count in seconds if count]
    return statistics.median(costs) if costs else None


def row_of(reports, counts, viewers):
    first = reports[0]
    bytes_read = sum(report["window_bytes"] for report in reports)
    row = {"viewers": viewers, "playing": sum(r["playing"] for r in reports),
           "full_rate": sum(r["full_rate"] for r in reports), "backwards": sum(r["backwards"] for r in reports),
           "why": "; ".join(r["why"] for r in reports if r["why"]),
           "messages_per_s": first["messages_per_s"], "window_s": first["window_s"],
           "server_cpu_s": first["server_cpu_s"], "load_cpu_s": first["own_cpu_s"], "bytes": bytes_read,
           "play_ms": first["play_ms"], "gap_ms": first["gap_ms"], "latency_ms": first.get("latency_ms"),
           "cpu_per_gb": median_cost(first["seconds_cpu_s_and_bytes"])}
    (began, before), (ended, after) = counts
    if before and after:
        row["writes_per_s_viewer"] = (after[0] - before[0]) / (ended - began) / viewers
    return row
