"""Edges die and come; players go on at another one."""
import time

from live import FlvViewer, RtmpViewer
from players import DashPlayer, HlsPlayer, LowLatencyPlayer
from process import wait_until

KINDS = (HlsPlayer, LowLatencyPlayer, DashPlayer)


def story_edge_killed(cluster):
    """An edge is killed. Players that content steering gave other edges play on; the bytes there are the same."""
    c = cluster()
    c.publish()
    others = c.watch(c.edges[1:])
    players = [c.player(kind, c.edges) for kind in KINDS]
    for one in players:
        wait_until(one.playing, 20, f"{one.who} plays")
    c.edges[0].kill()
    killed = time.monotonic()
    for one in players:
        for track in one.tracks:
            wait_until(lambda: track.taken[-1][0] > killed + 4, 20, f"{track.who} goes on")
    c.figure("stall of players with other edges", 1000 * max(one.stalled(killed, killed + 4) for one in players), wanted=0,
             bound=3000)
    c.figure("silence at the other edges' viewers", others.silence(killed, killed + 4), bound=1000)
    others.assert_none_closed()


def story_new_edge(cluster):
    """An edge joins in the middle of a stream: it knows the playlists' history and gives the bytes that the others give."""
    c = cluster()
    c.publish()
    c.watch()
    began = time.monotonic()
    edge = c.add_edge()
    c.figure("a new edge is ready", 1000 * (time.monotonic() - began), bound=10000)
    asked = time.monotonic()
    live = c.watch([edge], kinds=(RtmpViewer, FlvViewer))
    c.figure("first frame at its viewers", 1000 * max(one.frames[0].arrival - asked for one in live.all), bound=3000)
    c.watch([edge], kinds=KINDS)
    c.figure("players there play", 1000 * (time.monotonic() - asked), bound=10000)
