"""What a viewer gets is, frame by frame, what the encoder sent."""
import subprocess

import flv
import media
import pytest
from process import wait_until

STARTED = 10  # seconds for a player to be connected


def waiting(edge, kind):
    """How many viewers by that protocol wait for the stream to begin."""
    return sum(one["protocol"] == kind and one["state"] == "waiting" for one in edge.api("sessions")["sessions"])


def start_player(children, edge, kind):
    """ffmpeg that hashes every packet it gets, asking for the stream before anything is published."""
    before = waiting(edge, kind)
    player = children.start(f"player-{kind}", media.framemd5_command(getattr(edge, kind)()), stdout=subprocess.PIPE)
    wait_until(lambda: waiting(edge, kind) > before, STARTED, "the player asks for the stream")
    return player


def packets_of(player):
    output, _ = player.process.communicate(timeout=60)
    return media.parse_framemd5(output.decode())


def sent_packets(clip):
    """What a viewer who was there from the start must get: all, but for audio sent before the first keyframe."""
    packets = media.frame_hashes(clip)
    frames = [tag for tag in flv.read_file(clip) if tag.is_frame()]
    first = next(i for i, tag in enumerate(frames) if tag.is_keyframe())
    return {0: packets[0], 1: packets[1][first:]}


def contents(packets):
    return [(packet.size, packet.md5) for packet in packets]


def steps(packets):
    """Times from the first packet's."""
    return [(packet.dts - packets[0].dts, packet.pts - packets[0].dts) for packet in packets]


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("bframes", [0, 2])
def test_every_frame_arrives_unchanged(cluster, children, tmp_path, workers, bframes):
    made = cluster(workers=workers, origin={"stream.grace": "500ms"}, edge={"stream.grace": "500ms"})
    clip = media.make_clip(tmp_path / "sent.flv", seconds=5, bframes=bframes)
    sent = sent_packets(clip)
    players = [start_player(children, made.edge, kind) for kind in ("rtmp", "flv")]
    encoder = media.ffmpeg_publish(children, made.origin.rtmp(), source=clip)
    assert encoder.wait(30) == 0, encoder.text()
    for player in players:
        got = packets_of(player)
        assert set(got) == set(sent)
        for index, packets in sent.items():
            assert contents(got[index]) == contents(packets)
            for (dts, pts), (sent_dts, sent_pts) in zip(steps(got[index]), steps(packets)):
                # FLV's times are whole milliseconds; audio is snapped to its samples at ingest.
                assert abs(dts - sent_dts) <= 1 and abs(pts - sent_pts) <= 1
        offset = got[1][0].dts - got[0][0].dts
        assert abs(offset - (sent[1][0].dts - sent[0][0].dts)) <= 5, "audio and video keep their distance"
    made.origin.wait_metric("weir_streams", 0)


def test_two_edges_and_both_protocols_give_the_same_times(cluster, children, tmp_path):
    """The timeline is the origin's: every viewer of every edge sees the same timestamps."""
    made = cluster(edges=2, origin={"stream.grace": "500ms"}, edge={"stream.grace": "500ms"})
    clip = media.make_clip(tmp_path / "sent.flv", seconds=4)
    players = [start_player(children, edge, kind) for edge in made.edges for kind in ("rtmp", "flv")]
    assert media.ffmpeg_publish(children, made.origin.rtmp(), source=clip).wait(30) == 0
    first, *others = [packets_of(player) for player in players]
    for other in others:
        assert other == first
