"""A player that is steered goes on when its edge dies."""
import time

import pytest
import web
from process import SLOW, wait_until
from steering import steer
from test_page import page, publish

STEERED = "performance.getEntriesByType('resource').some((one) => one.name.includes('steering.json') && one.responseEnd > 0)"


def longest_pause(chromium, frames):
    """Until so many frames more have been shown: the longest time in which none was, in seconds."""
    last = chromium.look()["frames"]
    wanted, at, longest = last + frames, time.monotonic(), 0
    deadline = at + 30 * SLOW
    while last < wanted:
        seen, now = chromium.look()["frames"], time.monotonic()
        assert now < deadline, f"{wanted - seen} of {frames} frames are missing: {chromium.look()}"
        longest = max(longest, now - at)
        if seen > last:
            last, at = seen, now
    return longest


@pytest.mark.parametrize("protocol,allowed", [("llhls", 5), ("dash", 10)])
def test_a_player_goes_on_when_its_edge_is_killed(chromium, children, cluster, protocol, allowed):
    made = cluster(edges=2)
    steer(made.edges)
    publish(children, made.origin, gop=2)
    for edge in made.edges:  # the stream is at the other one too, as it is where there are many viewers
        wait_until(lambda edge=edge: web.request(edge.http_port, "/live/cam1/index.m3u8", timeout=20).status == 200, 20, "it is live")
    chromium.open(page(made.edge, query=f"?protocol={protocol}"))
    chromium.wait_playing(60)
    wait_until(lambda: chromium.read(STEERED), 10, "the steering manifest")
    made.edge.kill()
    pause = longest_pause(chromium, 240)
    print(f"\n{protocol}: the picture stood still for {pause:.2f} s at most")
    assert pause < allowed * SLOW
    assert made.edges[1].metric(f'weir_viewers{{protocol="{protocol.removeprefix("ll")}"}}') >= 1
