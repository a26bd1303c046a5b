"""Frames that wait for each other (edge.merge) leave in fewer writes, and are the same frames."""
import media
import pytest
import rtmp
import web
from test_identity import contents, packets_of, sent_packets, start_player


def publish_to_players(cluster, children, folder, merge, workers=1):
    """What two players got of a clip of five seconds, what was sent, and how many blocks went in each write."""
    made = cluster(workers=workers, origin={"stream.grace": "500ms"}, edge={"stream.grace": "500ms", "edge.merge": merge})
    clip = media.make_clip(folder / "sent.flv", seconds=5)
    players = [start_player(children, made.edge, kind) for kind in ("rtmp", "flv")]
    encoder = media.ffmpeg_publish(children, made.origin.rtmp(), source=clip)
    assert encoder.wait(30) == 0, encoder.text()
    got = [packets_of(player) for player in players]
    counted = made.edge.metrics()
    return got, sent_packets(clip), counted["weir_sender_blocks_total"] / counted["weir_sender_writes_total"]


@pytest.mark.parametrize("workers", [1, 2])
def test_merged_frames_arrive_unchanged_in_groups(cluster, children, tmp_path, workers):
    got, sent, blocks_a_write = publish_to_players(cluster, children, tmp_path, "170ms", workers)
    for packets in got:
        assert {index: contents(packets[index]) for index in packets} == {index: contents(sent[index]) for index in sent}
    # 30 frames of video and 47 of audio a second: 13 in 170 ms.
    assert blocks_a_write > 5


def test_instant_frames_do_not_wait(cluster, children, tmp_path):
    got, sent, blocks_a_write = publish_to_players(cluster, children, tmp_path, "0")
    for packets in got:
        assert {index: contents(packets[index]) for index in packets} == {index: contents(sent[index]) for index in sent}
    assert blocks_a_write < 5


def test_a_viewer_that_pauses_and_goes_on_is_merged_again(cluster, encoder, clip_tags):
    made = cluster(edge={"edge.merge": "170ms"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        for paused in (True, False):
            viewer.command("pause", None, paused, 0, stream_id=viewer.stream_id)
        first = viewer.next_frame(10, wanted=lambda tag: tag.is_keyframe())
        before = made.edge.metrics()
        last = first
        while last.timestamp < first.timestamp + 3000:
            last = viewer.next_frame()
        after = made.edge.metrics()
    grew = [after[name] - before[name] for name in ("weir_sender_blocks_total", "weir_sender_writes_total")]
    assert grew[0] > 5 * grew[1]


def lulls_in(edge, viewer, ms):
    """How often the link was left unread in `ms` of the stream."""
    before = edge.metrics()["weir_relay_lulls_total"]
    first = viewer.next_frame(10)
    while viewer.next_frame(10).timestamp < first.timestamp + ms:
        pass
    return edge.metrics()["weir_relay_lulls_total"] - before


def test_a_link_is_read_at_flushes_while_only_viewers_who_wait_for_them_need_it(cluster, encoder):
    made = cluster(edge={"edge.merge": "170ms"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        assert lulls_in(made.edge, viewer, 3000) >= 3
        # A packager needs each frame as it comes.
        assert web.request(made.edge.http_port, "/live/cam1/v/index.m3u8", timeout=20).status == 200
        assert lulls_in(made.edge, viewer, 1000) <= 1


def test_a_link_of_instant_viewers_is_read_as_frames_come(cluster, encoder):
    made = cluster(edge={"edge.merge": "0"})
    encoder(made.origin.rtmp_port)
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(10)
        assert lulls_in(made.edge, viewer, 1000) == 0


def test_business_is_told_by_worker(cluster):
    made = cluster(workers=2)
    for node in (made.origin, made.edge):
        metrics = node.metrics()
        for worker in range(2):
            assert 0 <= metrics[f'weir_worker_busy_ratio{{worker="{worker}"}}'] <= 1
            assert metrics[f'weir_worker_pressure_ratio{{worker="{worker}"}}'] == 0
        mine = node.api("nodes")["nodes"][0]
        assert [set(worker) for worker in mine["workers"]] == [{"busy", "pressure"}] * 2
