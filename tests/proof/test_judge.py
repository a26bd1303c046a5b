"""The benchmark's verdicts: what may be called passed, and what may not."""
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))

import judge  # noqa: E402


def row(**changes):
    return {"viewers": 10, "full_rate": 10, "backwards": 0, "messages_per_s": 73, "window_s": 4, "load_cpu_s": 1,
            "server_cpu_s": 1, **changes}


def rounds(*values):
    return dict(enumerate(values))


def test_a_row_is_fit_when_all_came_and_nobody_was_short_of_time():
    assert judge.unfit(row(), 73) is None


def test_a_viewer_short_of_messages_makes_a_row_unfit():
    assert judge.unfit(row(full_rate=9), 73) == "9 of 10 viewers at full rate"


def test_viewers_that_are_all_equally_short_make_a_row_unfit():
    assert judge.unfit(row(messages_per_s=60), 73) == "60.0 of 73.0 messages a second"


def test_a_client_past_its_share_makes_a_row_unfit():
    assert "load client" in judge.unfit(row(load_cpu_s=3.3), 73)


def test_a_contestant_past_its_share_makes_a_row_unfit():
    assert judge.unfit(row(server_cpu_s=3.3), 73) == "past 80 % of its core"


def test_ratios_are_taken_round_by_round():
    assert judge.paired_ratios(rounds(2, 8), rounds(1, 2)) == [2, 4]


def test_a_round_without_its_partner_is_left_out():
    assert judge.paired_ratios({0: 2, 1: 3}, {1: 3}) == [1]


def test_the_median_ratio_decides():
    verdict = judge.ratio_at_most(rounds(1.2, 1.2, 1.3, 1.3, 1.3), rounds(1, 1, 1, 1, 1), 1.25)
    assert verdict.word == judge.MISSED
    verdict = judge.ratio_at_most(rounds(1.2, 1.2, 1.2, 1.2, 9), rounds(1, 1, 1, 1, 1), 1.25)
    assert (verdict.word, verdict.figure.median, verdict.figure.most) == (judge.PASSED, 1.2, 9)


def test_an_unsteady_floor_passes_nothing():
    verdict = judge.ratio_at_most(rounds(1, 1, 1, 1, 1), rounds(1, 1, 1, 1, 1.2), 1.25)
    assert verdict.word == judge.INCONCLUSIVE and "20%" in verdict.why


def test_an_unsteady_floor_fails_nothing():
    assert judge.ratio_at_most(rounds(9, 9, 9, 9, 9), rounds(1, 1, 1, 1, 1.2), 1.25).word == judge.INCONCLUSIVE


def test_four_rounds_pass_nothing():
    assert judge.ratio_at_most(rounds(1, 1, 1, 1), rounds(1, 1, 1, 1), 1.25).word == judge.INCONCLUSIVE


def test_without_a_pair_nothing_was_measured():
    verdict = judge.ratio_at_most({}, rounds(1, 1), 1.25, why_not="past 80 % of its core")
    assert verdict.text() == "not measured (past 80 % of its core)"


def test_rounds_go_forth_and_back():
    assert [judge.order("ab", number) for number in range(3)] == [["a", "b"], ["b", "a"], ["a", "b"]]


def test_variation_is_against_the_least():
    assert round(judge.variation([1.0, 1.1, 1.2]), 9) == 0.2
    assert judge.variation([1.0]) is None


def verdict(word, median):
    return judge.Verdict(word, judge.Figure(median, median, median, 5) if median else None)


def test_flatness_is_judged_over_the_sizes_that_were_measured():
    sizes = [verdict(judge.PASSED, 1.0), verdict(judge.MISSED, 1.2), verdict(judge.NOT_MEASURED, None)]
    assert judge.varies_at_most(sizes, 0.25)[1] == judge.PASSED
    assert judge.varies_at_most(sizes, 0.15)[1] == judge.MISSED


def test_flatness_over_an_unsteady_floor_is_inconclusive():
    assert judge.varies_at_most([verdict(judge.PASSED, 1.0), verdict(judge.INCONCLUSIVE, 1.0)], 0.15)[1] == judge.INCONCLUSIVE


def test_flatness_needs_two_sizes():
    assert judge.varies_at_most([verdict(judge.PASSED, 1.0)], 0.15) is None


def test_a_rate_that_must_be_reached_is_missed_below_it():
    assert judge.ratio_at_least(rounds(*[0.91] * 5), rounds(*[1] * 5), 0.9).word == judge.PASSED
    assert judge.ratio_at_least(rounds(*[0.89] * 5), rounds(*[1] * 5), 0.9).word == judge.MISSED


def test_a_rate_of_too_few_rounds_is_inconclusive():
    assert judge.ratio_at_least(rounds(*[0.5] * 4), rounds(*[1] * 4), 0.9).word == judge.INCONCLUSIVE


def beside_row(cpu_s, sent=100, **changes):
    return row(cpu_s=cpu_s, bytes=sent, **changes)


def test_two_beside_each_other_are_compared_by_the_byte():
    assert judge.beside_ratio(beside_row(3), beside_row(2)) == 1.5
    assert judge.beside_ratio(beside_row(3, sent=150), beside_row(2)) == 1


def test_windows_of_two_clients_need_not_be_as_long():
    assert judge.beside_ratio(beside_row(2, sent=200, window_s=8), beside_row(2)) == 1


def test_a_core_is_overfull_when_all_on_it_together_pass_the_share():
    assert judge.overfull([row(server_cpu_s=1.7), row(server_cpu_s=1.7)])
    assert judge.overfull([row(load_cpu_s=1.7), row(load_cpu_s=1.7)])
    assert not judge.overfull([row(server_cpu_s=1.5), row(server_cpu_s=1.5)])


def test_beside_each_other_the_median_round_decides():
    assert judge.beside_at_most([1, 1, 1.2, 2, 2], 1.25, [1] * 5).word == judge.PASSED
    assert judge.beside_at_most([1, 1, 1.3, 2, 2], 1.25, [1] * 5).word == judge.MISSED


def test_a_control_that_is_off_gives_no_verdict():
    assert judge.beside_at_most([1] * 5, 1.25, [1, 1, 0.85]).text() == "1.00 (1.00 to 1.00): inconclusive (two floors differed by 15%)"
    assert judge.beside_at_most([1] * 5, 1.25, []).text() == "1.00 (1.00 to 1.00): inconclusive (no control)"
