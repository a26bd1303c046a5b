"""Judges rows of figures. Pure: rows in, verdicts out; nothing here measures."""
import statistics
from dataclasses import dataclass

SPREAD_MAX = 0.10  # of the floor's own figures; beyond it nothing is passed
CORE_MAX = 0.80  # of a core, that the client or a contestant may take
ROUNDS_MIN = 5
PASSED, MISSED, INCONCLUSIVE, NOT_MEASURED = "passed", "missed", "inconclusive", "not measured"


def whole(row, messages_per_s):
    """Every viewer got everything that was sent, in time."""
    return row["full_rate"] == row["viewers"] and not row["backwards"] and row["messages_per_s"] >= 0.98 * messages_per_s


def overloaded(row):
    """The client or the contestant had not enough of its core left."""
    return max(row["load_cpu_s"], row["server_cpu_s"]) > CORE_MAX * row["window_s"]


def unfit(row, messages_per_s):
    """Why a row may not be compared; None when it may."""
    if not whole(row, messages_per_s):
        rate = f"{row['full_rate']} of {row['viewers']} viewers at full rate"
        return rate if row["full_rate"] < row["viewers"] else f"{row['messages_per_s']:.1f} of {messages_per_s:.1f} messages a second"
    if overloaded(row):
        return f"{'past' if row['server_cpu_s'] > CORE_MAX * row['window_s'] else 'the load client was past'} 80 % of its core"
    return None


@dataclass(frozen=True)
class Figure:
    """The median of some values, with their range."""
    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values):
        values = [value for value in values if value is not None]
        return cls(statistics.median(values), min(values), max(values), len(values)) if values else None

    @property
    def spread(self):
        return (self.most - self.least) / self.median if self.median else 0.0

    def text(self, form="{:.2f}"):
        return f"{form.format(self.median)} ({form.format(self.least)} to {form.format(self.most)})"


def paired_ratios(ours, theirs):
    """ours/theirs of each round that has both: both are {round: value}."""
    return [ours[number] / theirs[number] for number in sorted(ours) if theirs.get(number)]


@dataclass(frozen=True)
class Verdict:
    word: str
    figure: Figure | None
    why: str = ""

    def text(self, form="{:.2f}"):
        figure = f"{self.figure.text(form)}: " if self.figure else ""
        return f"{figure}{self.word}" + (f" ({self.why})" if self.why else "")


def at_most(figure, limit, why_not=""):
    """A figure that must not exceed `limit`, by its median."""
    if figure is None:
        return Verdict(NOT_MEASURED, None, why_not)
    if figure.count < ROUNDS_MIN:
        return Verdict(INCONCLUSIVE, figure, f"{figure.count} rounds")
    return Verdict(PASSED if figure.median <= limit else MISSED, figure)


def ratio_at_most(ours, theirs, limit, floor=None, why_not=""):
    """The median of paired ratios against `limit`. `floor` (default: theirs) must have been steady for a verdict."""
    figure = Figure.of(paired_ratios(ours, theirs))
    verdict = at_most(figure, limit, why_not)
    steady = Figure.of((floor if floor is not None else theirs).values())
    if verdict.word in (PASSED, MISSED) and steady and steady.spread > SPREAD_MAX:
        return Verdict(INCONCLUSIVE, figure, f"the floor itself varied by {steady.spread:.0%}")
    return verdict


def ratio_at_least(ours, theirs, limit):
    """The other way round: the median of paired ratios must reach `limit`."""
    verdict = ratio_at_most(ours, theirs, float("inf"))
    return Verdict(MISSED, verdict.figure) if verdict.word == PASSED and verdict.figure.median < limit else verdict


def beside_ratio(ours, theirs):
    """CPU time a byte, ours / theirs, of two rows of the same seconds."""
    cost = [row["cpu_s"] / (row["bytes"] / row["window_s"]) for row in (ours, theirs)]
    return cost[0] / cost[1]


def overfull(rows):
    """Whether the servers of one core, or the clients of the other, took more than the share up to which figures count."""
    return max(sum(row[key] / row["window_s"] for row in rows) for key in ("server_cpu_s", "load_cpu_s")) > CORE_MAX


def beside_at_most(ratios, limit, control, why_not=""):
    """The median of ratios, one a round, against `limit`. The control's, of two that are the same, must be 1 within `SPREAD_MAX` all of the time."""
    figure = Figure.of(ratios)
    verdict = at_most(figure, limit, why_not)
    off = max((abs(value - 1) for value in control), default=None)
    if verdict.word in (PASSED, MISSED) and (off is None or off > SPREAD_MAX):
        return Verdict(INCONCLUSIVE, figure, "no control" if off is None else f"two floors differed by {off:.0%}")
    return verdict


def order(names, number):
    """ABBA: each second round goes the other way."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def variation(medians):
    """(most - least) / least, of one figure over several sizes; None for fewer than two."""
    return max(medians) / min(medians) - 1 if len(medians) > 1 else None


def varies_at_most(verdicts, limit):
    """How the medians of several verdicts' figures vary, as (variation, word); None for fewer than two figures."""
    varied = variation([verdict.figure.median for verdict in verdicts if verdict.figure])
    if varied is None:
        return None
    if any(verdict.word == INCONCLUSIVE for verdict in verdicts):
        return varied, INCONCLUSIVE
    return varied, PASSED if varied <= limit else MISSED
