"""What the benchmark prints and writes of given rows."""
import sys
import xml.etree.ElementTree
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent / "bench"
sys.path[:0] = [str(BENCH), str(BENCH.parent / "e2e")]

import chart  # noqa: E402
import clips  # noqa: E402
import report  # noqa: E402


def fanout_row(contestant, viewers, number, cost, **changes):
    return {"scenario": "fanout", "contestant": contestant, "viewers": viewers, "round": number, "cpu_per_gb": cost,
            "full_rate": viewers, "backwards": 0, "messages_per_s": 73, "messages_sent_per_s": 73, "window_s": 3,
            "load_cpu_s": 0.5, "server_cpu_s": 0.5, "latency_ms": {"p50": 1.0, "p99": 2.0}, "writes_per_s_viewer": 71, **changes}


def fanout_rows(sizes=(100, 500), **changes):
    rows = []
    for viewers in sizes:
        rows.append({"scenario": "schedule", "viewers": viewers, "contestant": "weir-rtmp-instant", "floor": "floor-0"})
        for number in range(5):
            rows.append(fanout_row("weir-rtmp-instant", viewers, number, 1.1, **changes))
            rows.append(fanout_row("floor-0", viewers, number, 1.0))
            rows.append(fanout_row("nginx-rtmp", viewers, number, 2.0))
    return rows


def line_of(text, start):
    return next(line for line in text.splitlines() if line.startswith(start))


def test_a_contestant_is_judged_against_its_floor_and_against_nginx():
    text, _ = report.of(fanout_rows())
    assert "1.10 (1.10 to 1.10): passed" in line_of(text, "| 100 | weir-rtmp-instant / its floor")
    assert "0.55 (0.55 to 0.55): passed" in line_of(text, "| 500 | weir-rtmp-instant / nginx-rtmp")


def test_a_contestant_short_of_time_is_not_measured():
    text, _ = report.of(fanout_rows(server_cpu_s=2.9))
    assert "not measured (past 80 % of its core)" in line_of(text, "| 100 | weir-rtmp-instant / its floor")
    assert "not measured: past 80 % of its core" in line_of(text, "| 500 | weir-rtmp-instant")


def memory_rows(stalled, playing_on):
    return [{"scenario": "memory", "contestant": "weir", "protocol": "rtmp", "state": state, "stops": stops, "round": number, "viewers": 1000,
             "per_viewer": value, "writes_per_s_viewer": 70.0}
            for number in range(5) for stops, later in ((True, stalled), (False, playing_on))
            for state, value in (("playing", 2000), ("stalled" if stops else "playing on", later))]


def test_who_stops_reading_is_compared_with_who_plays_on():
    assert "| 150 (150 to 150) | 100 (100 to 100) | 50: passed |" in report.of(memory_rows(2150, 2100))[0]
    assert "| 500 (500 to 500) | 100 (100 to 100) | 400: missed |" in report.of(memory_rows(2500, 2100))[0]


def beside_rows(viewers=100, ours=1.1, again=1.0, **changes):
    group = ["weir-rtmp-instant", "nginx-rtmp-instant", "floor-rtmp-instant", "floor-rtmp-instant-again"]
    costs = dict(zip(group, (ours, 2.0, 1.0, again)))
    return [{**fanout_row(name, viewers, number, None, **changes), "scenario": "beside", "group": group, "cpu_s": costs[name], "bytes": 100}
            for number in range(5) for name in group]


def test_beside_each_other_both_ratios_are_judged():
    text, _ = report.of(beside_rows())
    assert "71.0 / 71.0 | ≤ 1.25 | 1.10 (1.10 to 1.10): passed" in line_of(text, "| 100 | weir-rtmp-instant / floor-rtmp-instant")
    assert "< 1 | 0.55 (0.55 to 0.55): passed" in line_of(text, "| 100 | weir-rtmp-instant / nginx-rtmp-instant")


def test_what_was_measured_beside_each_other_is_not_judged_by_turns():
    text, _ = report.of(beside_rows() + fanout_rows())
    assert "| 100 | weir-rtmp-instant / its floor" not in text and "| 500 | weir-rtmp-instant / its floor" in text


def test_beside_each_other_a_full_core_is_not_measured():
    text, _ = report.of(beside_rows(server_cpu_s=0.7))
    assert "not measured (together past 80 % of a core)" in line_of(text, "| 100 | weir-rtmp-instant / floor")


def test_beside_each_other_sizes_must_be_alike():
    text, _ = report.of(beside_rows() + beside_rows(viewers=500, ours=1.21))
    assert "1.10 1.21 | 10%: passed" in line_of(text, "| weir-rtmp-instant")


def test_the_curve_is_drawn_from_two_sizes_on():
    assert report.of(fanout_rows(sizes=(100,)))[1] == {}
    assert list(report.of(fanout_rows())[1]) == ["fanout-cost.svg"]


def test_a_chart_is_well_formed_and_names_every_curve():
    drawing = chart.lines("a < b", "viewers", {"one & all": [(1, 0.4), (2, 0.7)], "floor": [(1, 0.1)], "none": []})
    words = {element.text for element in xml.etree.ElementTree.fromstring(drawing).iter() if element.text}
    assert {"a < b", "viewers", "one & all", "floor"} <= words and "none" not in words


def test_an_axis_ends_above_its_greatest_value():
    for value in (0.0042, 0.99, 1.0, 1.01, 7, 2000):
        top, step = chart.nice_top(value)
        assert value <= top <= 2.1 * value and round(top / step, 9) == 5


def test_only_what_stands_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.write_docs(tmp_path, r"new \1", {"a.svg": "<svg/>"})
    assert page.read_text() == f"before\n{report.BEGIN}\n\nnew \\1\n\n{report.END}\nafter\n"
    assert (tmp_path / "a.svg").read_text() == "<svg/>"


def test_sections_that_were_not_measured_stay(tmp_path):
    page = tmp_path / "performance.md"
    page.write_text(f"{report.BEGIN}\n\n![a](a.svg)\n\n### One\n\nold 1\n\n### Two\n\nold 2\n\n{report.END}\n")
    report.write_docs(tmp_path, "### Two\n\nnew 2\n\n### Three\n\nnew 3", {})
    assert page.read_text() == (f"{report.BEGIN}\n\n![a](a.svg)\n\n### One\n\nold 1\n\n### Two\n\nnew 2\n\n### Three\n\nnew 3\n\n"
                                f"{report.END}\n")


def clip_of(times):
    clip = clips.Clip.__new__(clips.Clip)
    clip.times, clip.span = times, 1.0
    return clip


def test_the_floor_writes_together_what_comes_within_its_time():
    clip = clip_of([0, 10, 33, 33, 60])
    assert [clip.writes_per_second(merge) for merge in (0, 10, 33, 60)] == [4, 3, 2, 1]
    assert clip.merge_for(3) == 10
