"""The failure suite's witnesses must see what they are there for: each rule is broken once."""
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS / "cluster"), str(TESTS / "e2e")]

import figures  # noqa: E402
import flv  # noqa: E402
import stamp  # noqa: E402
from buffer import Buffer  # noqa: E402
from stamp import Stamp  # noqa: E402
from witness import Cursor, Steps, Witness  # noqa: E402


def frame(connection, counter, kind="v"):
    return Stamp(1, connection, counter, kind)


@pytest.mark.parametrize("frames, wrong", [
    ([frame(0, 1, "K"), frame(0, 2), frame(1, 3, "K"), frame(1, 4)], None),
    ([frame(0, 1, "K"), frame(1, 1, "a"), frame(1, 2, "K")], None),
    ([frame(0, 1, "K"), frame(1, 2, "K"), frame(0, 3)], "earlier epoch"),
    ([frame(0, 1, "K"), frame(1, 2)], "keyframe"),
    ([frame(0, 1)], "keyframe"),
    ([frame(0, 1, "K"), frame(0, 1, "K")], "came after"),
    ([frame(0, 5, "K"), frame(0, 4)], "came after"),
])
def test_a_cursor_sees_mixed_epochs_and_repeated_frames(frames, wrong):
    witness = Witness("live/cam1")
    cursor = Cursor(witness, "viewer")
    for one in frames:
        cursor.see(one)
    assert bool(witness.violations) == bool(wrong), witness.violations
    assert not wrong or any(wrong in one for one in witness.violations)
    assert cursor.lost == 0


def test_a_cursor_counts_missing_frames():
    cursor = Cursor(Witness("live/cam1"), "viewer")
    for one in (frame(0, 1, "K"), frame(0, 1, "a"), frame(0, 4), frame(0, 2, "a"), frame(1, 9, "K")):
        cursor.see(one)
    assert cursor.lost == 2


def test_a_number_has_one_url_and_a_url_has_one_body():
    witness = Witness("live/cam1")
    witness.segment("one", "v", 7, "/live/cam1/v/1/7.m4s")
    witness.segment("two", "v", 7, "/live/cam1/v/1/7.m4s")
    witness.body("one", "/live/cam1/v/1/7.m4s", b"same")
    witness.body("two", "/live/cam1/v/1/7.m4s", b"same")
    assert not witness.violations
    witness.segment("two", "v", 7, "/live/cam1/v/2/7.m4s")
    witness.body("two", "/live/cam1/v/1/7.m4s", b"other")
    assert len(witness.violations) == 2


def test_steps_may_stand_and_rise_but_not_fall():
    witness = Witness("live/cam1")
    steps = Steps(witness, "player")
    for value in (1, 1, 3):
        steps.see("number", value)
    assert not witness.violations
    steps.see("number", 2, slack=1)
    assert not witness.violations
    steps.see("number", 2)
    assert len(witness.violations) == 1


@pytest.mark.parametrize("tag", [
    flv.Tag(flv.VIDEO, 0, b"\x17\x01\0\0\0" + b"\0\0\0\x02\x65\x80"),
    flv.Tag(flv.VIDEO, 0, b"\x27\x01\0\0\0" + b"\0\0\0\x02\x41\x80"),
    flv.Tag(flv.AUDIO, 0, b"\xaf\x01\x21\x10"),
])
def test_a_stamp_is_read_as_it_was_written(tag):
    written = Stamp(2, 99, 123456, stamp.kind_of(tag))
    carried = stamp.stamped(tag, written)
    assert stamp.read(carried.payload) == [written]
    assert carried.payload.endswith(tag.payload[-2:]) and carried.is_frame()


def test_a_buffer_tells_when_playback_stands_still():
    buffer = Buffer(2)
    buffer.add(10, 1)
    assert not buffer.playing
    buffer.add(11, 1)  # until 13
    buffer.add(12, 1)  # until 14
    assert buffer.stalled(0, 14) == 0
    buffer.add(14.5, 1)  # until 15.5
    assert buffer.stalled(0, 15) == pytest.approx(0.5)
    assert buffer.stalled(14.25, 15) == pytest.approx(0.25)
    assert buffer.stalled(0, 16.5) == pytest.approx(1.5)


def test_the_table_tells_median_maximum_and_verdict(tmp_path, monkeypatch):
    path = tmp_path / "figures"
    monkeypatch.setenv("WEIR_FIGURES", str(path))
    for value in (1, 2, 600):
        figures.tell("origin_killed", "first keyframe", value, "ms", 500)
    figures.tell("origin_killed", "stall", 0, "ms", 0)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n")
    figures.write_docs(page, figures.table(figures.read(path)))
    text = page.read_text()
    assert "| origin killed | first keyframe | 3 | 2 ms | 600 ms | 500 ms: missed |" in text
    assert "| origin killed | stall | 1 | 0 ms | 0 ms | 0 ms: reached |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
