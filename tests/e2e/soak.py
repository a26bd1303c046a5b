"""Encoders and players come and go for WEIR_SECONDS; at the end nothing has grown and nothing is left."""
import os
import time
from pathlib import Path

import flv
import rtmp
from flv_viewer import FlvViewer
from hls import Player
from process import wait_until

SECONDS = float(os.environ.get("WEIR_SECONDS", 300))
WARM_UP = max(SECONDS / 6, 20)  # until logs and allocators are as large as they get
VIEWERS = 20
FRAMES = 80  # that each viewer sees
GROWTH = 1.02


def resident(node):
    return int(Path(f"/proc/{node.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fetch_newest(edge):
    """A player by HLS: each track's playlist, and the newest that it lists."""
    player = Player(edge)
    for path in player.tracks().values():
        playlist = player.media(path)
        there = [segment.uri for segment in playlist.segments if not segment.gap] + [part.uri for part in playlist.open_parts]
        for uri in there[-1:]:
            assert player.fetch(path, uri)


def one_round(made, encoder):
    source = encoder(made.origin.rtmp_port)
    by_rtmp = [rtmp.Client(made.edge.rtmp_port) for _ in range(VIEWERS // 2)]
    for viewer in by_rtmp:
        viewer.play("cam1")
    by_flv = [FlvViewer(made.edge) for _ in range(VIEWERS // 2)]
    for _ in range(FRAMES):
        for viewer in by_rtmp:
            viewer.next_frame(10)
        for viewer in by_flv:
            viewer.next(flv.Tag.is_frame)
    fetch_newest(made.edge)
    for viewer in by_rtmp + by_flv:
        viewer.close()
    source.close()
    wait_until(lambda: made.origin.metric("weir_publishers") == 0, 10, "the origin has seen that the encoder is gone")


def test_nothing_grows(cluster, encoder):
    short = {"stream.grace": "1s", "stream.log_duration": "5s"}  # so that logs are soon as full as they get
    packaging = {"package.segment": "500ms", "package.window": "3"}  # which needs logs no longer than these
    made = cluster(workers=2, origin={**short, **packaging}, edge={**short, "edge.linger": "1s"})
    began, rounds, warm = time.monotonic(), 0, None
    while time.monotonic() < began + SECONDS:
        one_round(made, encoder)
        rounds += 1
        if warm is None and time.monotonic() > began + WARM_UP:
            warm = [resident(node) for node in made.nodes()]
    for node in made.nodes():
        for gauge in ("weir_streams", "weir_logs", "weir_log_bytes", "weir_publishers", "weir_relay_subscriptions"):
            wait_until(lambda: node.metric(gauge) == 0, 20, f"{node.name}'s {gauge} is 0")
    grown = [resident(node) / before for node, before in zip(made.nodes(), warm)]
    print(f"{rounds} rounds of {VIEWERS} viewers; resident memory against that after {WARM_UP:.0f} s: "
          + ", ".join(f"{node.name} {ratio:.3f}" for node, ratio in zip(made.nodes(), grown)))
    assert max(grown) <= GROWTH
