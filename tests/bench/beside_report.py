"""What contestants took beside each other (beside.py), as Markdown with verdicts."""
import judge
from beside import AGAIN
from judge import Figure
from tables import table, unique

INSTANT_MAX, MERGED_MAX, NGINX_MAX, VARIATION_MAX = 1.25, 1.3, 1.0, 0.15


def merge_of(name):
    return name.removesuffix(AGAIN).rsplit("-", 1)[1]


def floor_of(name):
    return "floor-" + name.split("-", 1)[1]


class Beside:
    def __init__(self, rows):
        self.rounds = {}  # (viewers, group, round): {contestant: row}
        for row in rows:
            self.rounds.setdefault((row["viewers"], tuple(row["group"]), row["round"]), {})[row["contestant"]] = row

    def of_size(self, viewers):
        return [rows for key, rows in self.rounds.items() if key[0] == viewers]

    def ratios(self, viewers, ours, theirs):
        """(one figure a round that may be compared, why others may not)."""
        found, why = [], ""
        for rows in self.of_size(viewers):
            if ours in rows and theirs in rows:
                unfit = next((judge.unfit(row, row["messages_sent_per_s"]) for row in rows.values()
                              if judge.unfit(row, row["messages_sent_per_s"])), None)
                unfit = unfit or (judge.overfull(rows.values()) and "together past 80 % of a core")
                if unfit:
                    why = unfit
                else:
                    found.append(judge.beside_ratio(rows[ours], rows[theirs]))
        return found, why

    def control(self, viewers, merge):
        """Of two floors."""
        return [ratio for protocol in ("rtmp", "flv")
                for ratio in self.ratios(viewers, f"floor-{protocol}-{merge}{AGAIN}", f"floor-{protocol}-{merge}")[0]]

    def verdict(self, viewers, ours, theirs, limit):
        ratios, why = self.ratios(viewers, ours, theirs)
        return judge.beside_at_most(ratios, limit, self.control(viewers, merge_of(ours)), why)

    def rows(self, viewers, name):
        return [rows[name] for rows in self.of_size(viewers) if name in rows]

    def writes(self, viewers, name):
        figure = Figure.of(row.get("writes_per_s_viewer") for row in self.rows(viewers, name))
        return f"{figure.median:.1f}" if figure else "–"


def limit_of(name):
    return INSTANT_MAX if merge_of(name) == "instant" else MERGED_MAX


def verdicts(data, sizes, names):
    lines = []
    for viewers in sizes:
        for name in (n for n in names if n.startswith("weir") and data.rows(viewers, n)):
            for other, limit, wanted in ((floor_of(name), limit_of(name), f"≤ {limit_of(name)}"), ("nginx-rtmp-instant", NGINX_MAX, "< 1")):
                if any({name, other} <= set(rows) for rows in data.of_size(viewers)):
                    lines.append([viewers, f"{name} / {other}", f"{data.writes(viewers, name)} / {data.writes(viewers, other)}", wanted,
                                  data.verdict(viewers, name, other, limit).text()])
        for merge in unique(merge_of(n) for n in names):
            control = Figure.of(data.control(viewers, merge))
            if control:
                lines.append([viewers, f"control: two floors, {merge}", "", "", control.text()])
    return table(["viewers", "ratio of CPU time a byte", "writes a second and viewer", "wanted", "median (range): verdict"], lines)


def flatness(data, sizes, names):
    lines = []
    for name in (n for n in names if n.startswith("weir")):
        found = [v for v in (data.verdict(viewers, name, floor_of(name), limit_of(name)) for viewers in sizes if data.rows(viewers, name)) if v.figure]
        varied = judge.varies_at_most(found, VARIATION_MAX)
        if varied:
            lines.append([name, " ".join(f"{v.figure.median:.2f}" for v in found), f"{varied[0]:.0%}: {varied[1]}"])
    return table(["contestant", "ratios to the floor over the sizes", f"varies by, wanted ≤ {VARIATION_MAX:.0%}"], lines) if lines else ""


def text(rows):
    data = Beside(rows)
    sizes, names = sorted({row["viewers"] for row in rows}), unique(row["contestant"] for row in rows)
    parts = [verdicts(data, sizes, names), flatness(data, sizes, names)]
    return "### Many viewers of one stream, beside each other\n\n" + "\n\n".join(part for part in parts if part)
