"""How far behind the newest moment each protocol plays in a real browser, and whether it stalls. These are measurements,
and want a quiet machine: `tests/run latency`."""
import pytest
import web
from process import wait_until
from test_page import page, publish

CASES = [("flv", "333ms"), ("llhls", "333ms"), ("llhls", "200ms"), ("dash", "333ms"), ("hls", "333ms")]


def target_durations(node):
    """(target duration, part target, part hold back) of the first playlist, in seconds."""
    base = f"/live/cam1/{first_line(web.request(node.http_port, '/live/cam1/index.m3u8').text())}"
    text = web.request(node.http_port, base).text()

    def attribute(name, default=0.0):
        after = text.partition(f"{name}=")[2] or text.partition(f"{name}:")[2]
        return float(after.replace("\n", ",").split(",")[0]) if after else default

    return attribute("#EXT-X-TARGETDURATION"), attribute("PART-TARGET"), attribute("PART-HOLD-BACK")


def has_aged(node):
    """Three target durations of whole segments are there: who comes earlier cannot stay so far behind, and may stall."""
    base = f"/live/cam1/{first_line(web.request(node.http_port, '/live/cam1/index.m3u8').text())}"
    lengths = [float(line[8:].split(",")[0]) for line in web.request(node.http_port, base).text().splitlines() if line.startswith("#EXTINF:")]
    return sum(lengths) >= 3 * target_durations(node)[0]


def first_line(text):
    return next(line for line in text.splitlines() if line and not line.startswith("#"))


def allowed(node, protocol):
    """How far behind the newest moment it may play, in seconds."""
    if protocol == "flv":
        return 1.0
    if protocol == "dash":
        return 1.5
    target, part, hold_back = target_durations(node)
    return hold_back + 2 * part + 0.3 if protocol == "llhls" else 3 * target + 1


def half_a_minute(chromium, edge, protocol):
    """Plays 900 frames from the end of the first second on: (what was seen then, at the end, the latencies in order)."""
    chromium.open(page(edge, query=f"?protocol={protocol}"))
    began = chromium.wait("a second of frames", lambda s: s["frames"] >= 30 and s["protocol"] == protocol, timeout=30)
    latencies = []

    def enough(seen):
        if seen["latency"] is not None and seen["frames"] > began["frames"] + 300:
            latencies.append(seen["latency"])
        return seen["frames"] >= began["frames"] + 900

    return began, chromium.wait("30 s of frames", enough, timeout=50), sorted(latencies)


@pytest.mark.parametrize("protocol,part", CASES)
def test_half_a_minute_plays_without_a_stall_near_the_live_edge(chromium, children, cluster, protocol, part):
    made = cluster(origin={"package.part": part})
    publish(children, made.origin, gop=2)
    wait_until(lambda: web.request(made.edge.http_port, "/live/cam1.flv", method="HEAD").status == 200, 10, "it is live")
    if protocol == "hls":
        wait_until(lambda: has_aged(made.edge), 30, "the stream is as old as a player of whole segments stays behind")
    began, seen, latencies = half_a_minute(chromium, made.edge, protocol)
    middle = latencies[len(latencies) // 2]
    print(f"\n{protocol}, parts of {part}: {middle:.2f} s behind in the middle, {latencies[-1]:.2f} at most, allowed "
          f"{allowed(made.edge, protocol):.2f}; {seen['stalls'] - began['stalls']} stalls, "
          f"{seen['dropped'] - began['dropped']} frames dropped of {seen['frames'] - began['frames']}")
    assert seen["stalls"] == began["stalls"]
    assert seen["dropped"] - began["dropped"] < 90, "one in ten at most"
    assert middle <= allowed(made.edge, protocol)
    chromium.assert_content(f"127.0.0.1:{made.edge.http_port}")
