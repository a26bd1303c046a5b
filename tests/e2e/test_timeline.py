"""An encoder's time is mended once, at the origin: viewers see it whole, and the API tells what was done."""
import subprocess

import flv
import media
import rtmp
from process import SLOW, wait_until

FRAME_MS = 40
HOUR_MS = 3600000


def frames_of(clip_tags):
    """Configurations, then all frames of the clip in the order of their timestamps."""
    setup = [tag for tag in clip_tags if tag.is_config()]
    return setup, sorted((tag for tag in clip_tags if tag.is_frame()), key=lambda tag: tag.timestamp)


def send(client, tags, offset=0):
    for tag in tags:
        client.send_tag(tag, timestamp=tag.timestamp + offset)


def timeline(node):
    return node.api("streams/live/cam1")["timeline"]


def warnings(node):
    return {warning["what"]: warning["count"] for warning in node.api("streams/live/cam1")["warnings"]}


def test_a_jump_is_spliced_for_viewers_and_told_in_the_api(cluster, clip_tags):
    made = cluster()
    setup, frames = frames_of(clip_tags)
    with rtmp.Client(made.origin.rtmp_port) as encoder, rtmp.Client(made.edge.rtmp_port) as viewer:
        encoder.publish("cam1")
        send(encoder, setup + frames)
        wait_until(lambda: timeline(made.origin)["frames"] == len(frames), 10, "the first round is taken in")
        before = timeline(made.origin)
        assert before["splices"] == before["discontinuities"] == before["dropped"] == before["moved"] == 0
        assert warnings(made.origin) == {}
        viewer.play("cam1")
        last = viewer.next_frame(10).timestamp
        send(encoder, frames, HOUR_MS)
        wait_until(lambda: timeline(made.origin)["frames"] == 2 * len(frames), 10, "the second round is taken in")
        told = timeline(made.origin)
        assert told["splices"] == 2, "one for each track"
        assert told["discontinuities"] == 1
        assert told["marks"] > before["marks"]
        assert warnings(made.origin) == {"the encoder's timestamps jumped; the jump was spliced": 2}
        made.origin.wait_log("the jump was spliced")
        newest = {flv.AUDIO: 0, flv.VIDEO: 0}
        seen_key = False
        while not seen_key:
            frame = viewer.next_frame(10)
            assert frame.timestamp < last + HOUR_MS / 2, "the jump came through"
            assert frame.timestamp >= newest[frame.type], "time went back"
            newest[frame.type] = frame.timestamp
            seen_key = frame.tag().is_keyframe() and frame.timestamp > last + 2 * FRAME_MS


def test_timestamps_that_stand_still_are_made_to_grow_and_told_with_their_number(cluster, clip_tags):
    made = cluster()
    setup, frames = frames_of(clip_tags)
    with rtmp.Client(made.origin.rtmp_port) as encoder:
        encoder.publish("cam1")
        send(encoder, setup)
        held = 0
        for nth, tag in enumerate(tag for tag in frames if tag.type == flv.VIDEO):
            if nth % 2 == 0:
                held = tag.timestamp
            encoder.send_tag(tag, timestamp=held)
        count = sum(tag.type == flv.VIDEO for tag in frames)
        wait_until(lambda: timeline(made.origin)["frames"] == count, 10, "all frames are taken in")
        assert timeline(made.origin)["moved"] == count // 2
        told = warnings(made.origin)
        assert any("stood still" in what and times == count // 2 for what, times in told.items()), told


def is_mp3(tag):
    return tag.type == flv.AUDIO and tag.payload[0] >> 4 == 2


def test_a_codec_without_a_configuration_goes_on_when_its_encoder_connects_again(cluster, children, tmp_path):
    made, path = cluster(), tmp_path / "radio.flv"
    subprocess.run([*media.FFMPEG, "-v", "error", "-f", "lavfi", "-i", "sine=sample_rate=44100", "-t", "10", "-c:a", "libmp3lame",
                    "-f", "flv", str(path)], check=True, timeout=30 * SLOW)
    first = media.ffmpeg_publish(children, made.origin.rtmp(), source=path, loop=True, name="first")
    with rtmp.Client(made.edge.rtmp_port) as viewer:
        viewer.play("cam1")
        viewer.next_frame(20, wanted=is_mp3)
        first.stop()
        wait_until(lambda: made.edge.api("streams/live/cam1")["state"] == "waiting", 20, "the edge knows")
        media.ffmpeg_publish(children, made.origin.rtmp(), source=path, loop=True, name="second")
        wait_until(lambda: made.edge.api("streams/live/cam1")["state"] == "live", 20, "the edge has it again")
        viewer.next_frame(20, wanted=is_mp3)
        counts = timeline(made.origin)
        assert counts["frames"] > 0 and counts["dropped"] == 0
        assert warnings(made.origin) == {}
