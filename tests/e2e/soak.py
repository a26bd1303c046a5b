"""Encoders and players come and go for WEIR_SECONDS; at the end nothing has grown and nothing is left."""
import os
import time
from pathlib import Path

import rtmp
from process import wait_until

SECONDS = float(os.environ.get("WEIR_SECONDS", 300))
WARM_UP = max(0.2 * SECONDS, 20)  # until logs and allocators are as large as they get
VIEWERS = 20
GROWTH = 1.02


def resident(node):
    return int(Path(f"/proc/{node.child.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def one_round(made, encoder):
    source = encoder(made.origin.rtmp_port)
    viewers = [rtmp.Client(made.edge.rtmp_port) for _ in range(VIEWERS)]
    for viewer in viewers:
        viewer.play("cam1")
    for viewer in viewers:
        for _ in range(10):
            viewer.next_frame(10)
        viewer.close()
    source.close()


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
    print(f"{rounds} rounds of {VIEWERS} viewers; resident memory against the first fifth: "
          + ", ".join(f"{node.name} {ratio:.3f}" for node, ratio in zip(made.nodes(), grown)))
    assert max(grown) <= GROWTH
