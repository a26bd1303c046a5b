"""What operators do, and what their machines do to them: restarts, full disks, clocks that jump."""
import glob
import os
import time

import media
from live import FlvViewer, RtmpViewer
from players import DashPlayer, HlsPlayer, LowLatencyPlayer
from process import wait_until
from proxies import Balancer

KINDS = (HlsPlayer, LowLatencyPlayer, DashPlayer)
SOON = {"node.drain": "10s", "node.drain_notice": "500ms", "node.drain_publisher": "1s"}  # bounds of a drain
# Runs a command with its folder on a disk of 256 KiB, where its log goes too.
SMALL_DISK = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=256k tmpfs "$0" && exec "$@" >"$0/log" 2>&1']
FAKETIME = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")


def story_rolling_restart(cluster):
    """All origins and edges are restarted, one at a time, under load. Players come through a balancer."""
    c = cluster(settings=SOON)
    balancer = Balancer(c.lab.host("balancer"), c.children, c.origins, c.edges)
    last, middle, first = c.origins
    encoders = [c.publish(last, middle), c.publish(middle, first, publisher=2, name="cam2")]
    place = [(balancer.host.public, balancer.http_port)]
    players = [c.player(kind, [], name=name, places=place, where="the balancer")
               for kind in KINDS for name in ("live/cam1", "live/cam2")]
    for one in players:
        wait_until(one.playing, 20, f"{one.who} plays")
    began = time.monotonic()
    for node in [first, middle, last, *c.edges]:
        node.restart()
        c.wait_linked(c.edges)
        moment = time.monotonic()
        for one in players:
            for track in one.tracks:
                wait_until(lambda: track.taken[-1][0] > moment, 15, f"{track.who} plays on after the restart of {node.name}")
    c.figure("all six restarts took", 1000 * (time.monotonic() - began))
    c.figure("a player's stall", 1000 * max(one.stalled(began, time.monotonic()) for one in players), wanted=0, bound=5000)
    c.figure("moves of a publisher", max(len(one.accepted) for one in encoders) - 1, unit="", wanted=1, bound=1)


def story_balancers(cluster):
    """ffmpeg publishes through HAProxy, and players come through it. The edge and the origin that serve them are killed."""
    c = cluster()
    balancer = Balancer(c.lab.host("balancer"), c.children, c.origins, c.edges)
    ffmpeg = c.ffmpeg(f"rtmp://{balancer.host.public}/live/real")
    encoder = c.publish(balancer)
    place = [(balancer.host.public, balancer.http_port)]
    players = [c.player(kind, [], places=place, where="the balancer") for kind in KINDS]
    for one in players:
        wait_until(one.playing, 20, f"{one.who} plays")
    c.edges[0].kill()
    killed = time.monotonic()
    for one in players:
        for track in one.tracks:
            wait_until(lambda: track.taken[-1][0] > killed + 4, 20, f"{track.who} goes on")
    c.figure("stall of players behind a balancer, an edge killed",
             1000 * max(one.stalled(killed, killed + 4) for one in players), wanted=0, bound=3000)
    old, killed = encoder.present, time.monotonic()
    c.origins[0].kill()
    again = c.wait_again(encoder, old)
    for one in players:
        wait_until(lambda: one.first_of(again.source), 20, f"{one.who} sees the encoder's next connection")
    gap = 1000 * (again.first - old.last)
    c.figure("their stall beyond the encoder's own gap, an origin killed",
             max(0, 1000 * max(one.stalled(killed, time.monotonic()) for one in players) - gap), wanted=500, bound=3000)
    wait_until(lambda: ffmpeg.starts == 2, 10, "ffmpeg is started again")
    wait_until(lambda: c.owner("live/real") == "origin2", 20, "ffmpeg publishes at the next origin")
    assert media.codecs(c.edges[1].flv("live/real")) == {"h264", "aac"}


def story_full_disk(cluster):
    """The disk where a node's log and state go is full. It goes on, and takes new publishers and viewers."""
    c = cluster(wrap={name: SMALL_DISK for name in ("origin1", "edge1")}, settings={"logging.level": "debug"})
    for node in (c.origins[0], c.edges[0]):
        disk = f"/proc/{node.child.pid}/root{node.folder}"
        with open(f"{disk}/filler", "wb", buffering=0) as file:
            wait_until(lambda: not fits(file), 10, "the disk is full")
    c.publish()
    audience = c.watch()
    c.publish(c.origins[0], publisher=2, name="cam2")
    c.watch(c.edges[:1], kinds=(RtmpViewer, FlvViewer), name="live/cam2")
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + 3, 5, "three seconds of it")
    c.figure("silence at RTMP and FLV viewers", audience.silence(began), wanted=500, bound=1000)
    audience.assert_none_closed()


def fits(file):
    try:
        return file.write(bytes(4096)) > 0
    except OSError:
        return False


def story_clock_steps(cluster, tmp_path):
    """The clocks of two origins step by an hour, forward and back, while the encoder goes from one to the next."""
    assert FAKETIME, "libfaketime is missing: deploy/packages test"
    clocks = {name: tmp_path / f"{name}.clock" for name in ("origin1", "origin2")}
    for file in clocks.values():
        file.write_text("+0\n")
    sanitizer = os.environ.get("ASAN_OPTIONS", "")
    c = cluster(env={name: {"LD_PRELOAD": FAKETIME[0], "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": "1",
                            "DONT_FAKE_MONOTONIC": "1", "ASAN_OPTIONS": f"{sanitizer}:verify_asan_link_order=0".lstrip(":")}
                     for name, file in clocks.items()})
    encoder = c.publish()
    audience = c.watch(kinds=(RtmpViewer, FlvViewer, HlsPlayer, LowLatencyPlayer))
    for step in (3600, -3600):
        clocks["origin1"].write_text(f"{step:+}\n")
        stepped = time.monotonic()
        wait_until(lambda: abs(c.origins[0].clock_offset() - step) < 60, 10, "the clock has stepped")
        audience.wait_frames_after(time.monotonic())
        c.figure(f"silence at RTMP and FLV viewers, clock at {step:+} s", audience.silence(stepped), wanted=500, bound=1000)
    clocks["origin2"].write_text("-3600\n")
    c.origins[1].restart()
    c.wait_linked(c.edges)
    run = c.edges[0].api("streams/live/cam1")["run"]
    for target in ("origin2", "origin3"):
        old = encoder.present
        encoder.move()
        again = c.wait_again(encoder, old)
        assert again.target.name == target
        audience.wait_source(again.source)
        c.figure(f"first keyframe at all RTMP and FLV viewers from {target}", audience.first_of(again), wanted=500, bound=3000)
        assert c.edges[0].api("streams/live/cam1")["run"] == run, "how old a run is was judged by a clock that is wrong"
    audience.assert_none_closed()
