"""Tables and verdicts out of raw rows, as Markdown; and the charts that go with them."""
import beside_report
import chart
import judge
from judge import Figure
from tables import number, replace_sections, table, unique

BEGIN, END = "<!-- measured: written by tests/bench/run -->", "<!-- measured: end -->"
HTTP_BEGIN, HTTP_END = "<!-- measured by HTTP: written by tests/bench/run -->", "<!-- measured by HTTP: end -->"
INSTANT_MAX, MERGED_MAX, NGINX_MAX = 1.25, 1.3, 1.0
MEMORY_MAX, STALLED_MAX, WORKERS_MAX, LATENCY_MAX_MS, LATENCY_NGINX_MAX = 4096, 64, 1.15, 2.0, 3.0
FIRST_MAX_MS = {"there": 20.0, "fetched": 100.0}
RATIO_VARIATION_MAX, STORM_MAX, STREAMS_MAX = 0.15, 2.0, 1.15


def of_scenario(rows, name):
    return [row for row in rows if row["scenario"] == name]


class Fanout:
    """The rows of the fan-out, those that may be compared and those that may not."""

    def __init__(self, rows):
        self.rows = of_scenario(rows, "fanout")
        self.sizes = sorted({row["viewers"] for row in self.rows})
        self.contestants = unique(row["contestant"] for row in self.rows)
        self.floors = {(row["viewers"], row["contestant"]): row["floor"] for row in of_scenario(rows, "schedule")}
        self.beside = {(row["viewers"], row["contestant"]) for row in of_scenario(rows, "beside")}  # judged there, and better
        self.nginx_writes = next((row["writes_per_s_viewer"] for row in of_scenario(rows, "nginx-writes")), None)

    def all(self, contestant, viewers):
        return [row for row in self.rows if row["contestant"] == contestant and row["viewers"] == viewers]

    def values(self, contestant, viewers, take):
        """{round: value} of the rows that are fit. Too few of them give no verdict."""
        return {row["round"]: take(row) for row in self.all(contestant, viewers)
                if not judge.unfit(row, row["messages_sent_per_s"])}

    def why_not(self, contestant, viewers):
        whys = (judge.unfit(row, row["messages_sent_per_s"]) for row in self.all(contestant, viewers))
        return next((why for why in whys if why), "")

    def cost(self, contestant, viewers):
        return self.values(contestant, viewers, lambda row: row["cpu_per_gb"])

    def floor_cost(self, contestant, viewers):
        return self.cost(self.floors.get((viewers, contestant), ""), viewers)

    def ratio(self, contestant, viewers, limit):
        """To the floor of its own schedule."""
        why = self.why_not(contestant, viewers) or self.why_not(self.floors.get((viewers, contestant), ""), viewers)
        return judge.ratio_at_most(self.cost(contestant, viewers), self.floor_cost(contestant, viewers), limit, why_not=why)

    def against(self, contestant, other, viewers, limit, take=lambda row: row["cpu_per_gb"]):
        ours, theirs = self.values(contestant, viewers, take), self.values(other, viewers, take)
        why = self.why_not(contestant, viewers) or self.why_not(other, viewers)
        floor = self.floor_cost(contestant, viewers) or {}
        return judge.ratio_at_most(ours, theirs, limit, floor=floor, why_not=why)


def limit_of(contestant):
    return MERGED_MAX if "merged" in contestant else INSTANT_MAX


def fanout_costs(data):
    rows = []
    for viewers in data.sizes:
        for name in (c for c in data.contestants if data.all(c, viewers)):
            all_rows = data.all(name, viewers)
            cost = Figure.of(data.cost(name, viewers).values())
            writes = Figure.of(row.get("writes_per_s_viewer") for row in all_rows)
            if name == "nginx-rtmp" and data.nginx_writes:
                writes = Figure.of([data.nginx_writes])
            at_full = Figure.of(row["full_rate"] / row["viewers"] for row in all_rows)
            latency = [Figure.of(row["latency_ms"][p] for row in all_rows if row["latency_ms"]) for p in ("p50", "p99")]
            rows.append([viewers, name, number(cost) if cost else f"not measured: {data.why_not(name, viewers)}",
                         f"{writes.median:.1f}" if writes else "–", f"{at_full.least:.1%}",
                         " / ".join(f"{f.median:.1f}" if f else "–" for f in latency)])
    return table(["viewers", "contestant", "CPU s/GB", "writes a second and viewer", "viewers at full rate", "latency ms, median / p99"], rows)


def fanout_verdicts(data):
    rows = []
    for viewers in data.sizes:
        for name in (c for c in data.contestants if (viewers, c) in data.floors and (viewers, c) not in data.beside):
            limit = limit_of(name)
            rows.append([viewers, f"{name} / its floor", f"≤ {limit}", data.ratio(name, viewers, limit).text()])
            if "instant" in name and "nginx-rtmp" in data.contestants:
                rows.append([viewers, f"{name} / nginx-rtmp", "< 1", data.against(name, "nginx-rtmp", viewers, NGINX_MAX).text()])
    return table(["viewers", "ratio of CPU s/GB, by turns", "wanted", "median (range): verdict"], rows) if rows else ""


def fanout_flatness(data):
    rows = []
    if data.beside:
        return ""
    for name in (c for c in data.contestants if c.startswith("weir")):
        verdicts = [data.ratio(name, viewers, limit_of(name)) for viewers in data.sizes]
        varied = judge.varies_at_most(verdicts, RATIO_VARIATION_MAX)
        if varied:
            rows.append([name, " ".join(f"{v.figure.median:.2f}" for v in verdicts if v.figure), f"{varied[0]:.0%}: {varied[1]}"])
    return table(["contestant", "ratios to the floor over the sizes", f"varies by, wanted ≤ {RATIO_VARIATION_MAX:.0%}"], rows) if rows else ""


def latency_verdicts(data):
    least, rows = min(data.sizes), []
    for name in (c for c in data.contestants if c.startswith("weir")):
        p50 = data.values(name, least, lambda row: row["latency_ms"]["p50"])
        median = judge.at_most(Figure.of(p50.values()), LATENCY_MAX_MS, data.why_not(name, least))
        ratio = data.against(name, "nginx-rtmp", least, LATENCY_NGINX_MAX, lambda row: row["latency_ms"]["p99"])
        judged = "instant" in name
        rows.append([name, median.text() if judged else number(median.figure), ratio.text() if judged else number(ratio.figure)])
    return table([f"through origin and edge, {least} viewers", f"median ms, wanted ≤ {LATENCY_MAX_MS:g} (instant)",
                  f"p99 / nginx-rtmp's, wanted ≤ {LATENCY_NGINX_MAX:g} (instant)"], rows)


def fanout_text(rows):
    data = Fanout(rows)
    parts = [fanout_costs(data), fanout_verdicts(data), fanout_flatness(data), latency_verdicts(data)]
    return "### Many viewers of one stream\n\n" + "\n\n".join(part for part in parts if part)


def adaptive_text(rows):
    out = []
    for row in rows:
        why = judge.unfit(row, row["messages_sent_per_s"])
        latency = row["latency_ms"]
        out.append([row["viewers"], row["contestant"], why and f"not measured: {why}" or f"{row['cpu_per_gb']:.2f}",
                    f"{row['server_cpu_s'] / row['window_s']:.0%}", f"{row['writes_per_s_viewer']:.1f}",
                    f"{latency['p50']:.1f} / {latency['p99']:.1f}" if latency else "–"])
    return "### Between instant and merged\n\n![CPU seconds per GB of adaptive merging](adaptive-cost.svg)\n\n" + table(
        ["viewers", "contestant", "CPU s/GB", "of its core", "writes a second and viewer", "latency ms, median / p99"], out)


def adaptive_chart(rows):
    curves = {}
    for row in rows:
        if not judge.unfit(row, row["messages_sent_per_s"]):
            curves.setdefault(row["contestant"], []).append((row["viewers"], row["cpu_per_gb"]))
    return chart.lines("CPU seconds per GB delivered", "viewers", curves) if curves else None


def memory_text(rows):
    out = []
    for key in unique((row["contestant"], row["protocol"], row["state"]) for row in rows):
        mine = [row for row in rows if (row["contestant"], row["protocol"], row["state"]) == key]
        figure, writes = Figure.of(row["per_viewer"] for row in mine), Figure.of(row.get("writes_per_s_viewer") for row in mine)
        verdict = judge.at_most(figure, MEMORY_MAX).text("{:.0f}") if key[0].startswith("weir") else number(figure, "{:.0f}")
        out.append([*key, rows[0]["viewers"], number(writes, "{:.0f}"), verdict])
    growth = [[name, protocol, *stalled_growth(rows, name, protocol)] for name, protocol in unique((row["contestant"], row["protocol"]) for row in rows)
              if name.startswith("weir") and any(row["stops"] for row in rows)]
    return "### Memory of a viewer\n\n" + table(["contestant", "protocol", "they are", "viewers", "writes a second and viewer",
                                                f"resident bytes each, wanted ≤ {MEMORY_MAX}"], out) + "\n\n" + table(
        ["contestant", "protocol", "bytes that each gains while it is stalled", "while it plays on as long",
         f"difference of the medians, wanted ≤ {STALLED_MAX}"], growth)


def stalled_growth(rows, name, protocol):
    """What viewers gain from the first figure to the second, stalled and playing on; and what the former is more."""
    mine = {(row["stops"], row["state"] != "playing", row["round"]): row["per_viewer"] for row in rows
            if (row["contestant"], row["protocol"]) == (name, protocol)}
    gains = [Figure.of(after - mine[stops, False, number] for (stops, later, number), after in mine.items() if later and stops == kind)
             for kind in (True, False)]
    if None in gains:
        return [number(gain, "{:.0f}") for gain in gains] + [judge.NOT_MEASURED]
    more = gains[0].median - gains[1].median
    return [number(gain, "{:.0f}") for gain in gains] + [f"{more:.0f}: {judge.PASSED if more <= STALLED_MAX else judge.MISSED}"]


def first_frame_text(rows):
    out = []
    for key in unique((row["contestant"], row["protocol"]) for row in rows):
        mine = [row["play_ms"] for row in rows if (row["contestant"], row["protocol"]) == key]
        limit = FIRST_MAX_MS[key[0]]
        verdict = judge.at_most(Figure.of(times["p99"] for times in mine), limit)
        out.append([*key, number(Figure.of(times["p50"] for times in mine)), f"≤ {limit:g}", verdict.text()])
    return "### From play to the first frame\n\n" + table(["the stream is", "protocol", "median ms", "wanted", "slowest but one of 20, ms"], out)


def workers_text(rows):
    def cost(name):
        return {row["round"]: row["cpu_per_gb"] for row in rows if row["contestant"] == name
                and row["full_rate"] == row["viewers"]}
    verdict = judge.ratio_at_most(cost("2-workers"), cost("1-workers"), WORKERS_MAX, floor={})
    share = Figure.of(row["greatest_share"] for row in rows if row["contestant"] == "2-workers" and "greatest_share" in row)
    return "### Two workers\n\n" + table(["figure", "wanted", "median (range)"], [
        ["CPU s/GB, two workers / one", f"≤ {WORKERS_MAX}", verdict.text()],
        ["the greater of the two workers' shares of the bytes", "≤ 0.60", judge.at_most(share, 0.60).text()]])


def streams_text(rows):
    out, medians = [], []
    for count in sorted({row["streams"] for row in rows}):
        mine = [row for row in rows if row["streams"] == count]
        fit = [row for row in mine if row["full_rate"] == count]
        edge = Figure.of(1e6 * row["server_cpu_s"] / row["window_s"] / count for row in fit)
        origin = Figure.of(1e6 * row["origin_cpu_s"] / row["window_all_s"] / count for row in fit)
        out.append([count, f"{min(row['full_rate'] for row in mine)}", number(origin, "{:.0f}"), number(edge, "{:.0f}")])
        if edge:
            medians.append(edge.median + origin.median)
    growth = medians[-1] / medians[0] if len(medians) > 1 else None
    flat = (f"\n\nA stream's CPU time on both nodes, with the most streams / with the fewest, wanted ≤ {STREAMS_MAX}: {growth:.2f}: "
            f"{judge.PASSED if growth <= STREAMS_MAX else judge.MISSED}") if growth else ""
    return "### Many streams of one viewer\n\n" + table(["streams of 100 kbit/s", "at full rate", "origin, CPU µs a second and stream",
                                                         "edge, CPU µs a second and stream"], out) + flat


def idle_text(rows):
    out = [[row["streams"], row["role"], f"{sum(row['calls'].values()) / row['seconds']:.0f}", f"{row['calls'].get('epoll_wait', 0) / row['seconds']:.0f}"]
           for row in rows if row["calls"]]
    return "### Streams that stand still\n\n" + table(["streams, each with one viewer", "node", "system calls a second", "of them wake-ups"], out)


def storm_text(rows):
    def p99(name):
        return {row["round"]: row["latency_ms"]["p99"] for row in rows if row["contestant"] == name}
    verdict = judge.ratio_at_most(p99("storm"), p99("calm"), STORM_MAX, floor={})
    return "### 500 viewers come in a second and leave at once\n\n" + table(
        ["latency p99 of 100 others", "ms"], [["calm", number(Figure.of(p99("calm").values()))],
                                              ["storm", number(Figure.of(p99("storm").values()))],
                                              [f"storm / calm, wanted ≤ {STORM_MAX:g}", verdict.text()]])


SECTIONS = {"beside": beside_report.text, "fanout": fanout_text, "adaptive": adaptive_text, "memory": memory_text, "first-frame": first_frame_text, "workers": workers_text,
            "streams": streams_text, "idle": idle_text, "storm": storm_text}


def charts_of(rows):
    adaptive = of_scenario(rows, "adaptive")
    drawing = adaptive_chart(adaptive)
    charts = {"adaptive-cost.svg": drawing} if drawing else {}
    data = Fanout(rows)
    return {**fanout_chart(data), **charts} if len(data.sizes) > 1 else charts


def fanout_chart(data):
    curves = {}
    for name in (c for c in data.contestants if not c.startswith("floor")):
        curves[name] = [(viewers, Figure.of(data.cost(name, viewers).values()).median)
                        for viewers in data.sizes if data.cost(name, viewers)]
    for merge in ("instant", "merged"):
        ours = f"weir-rtmp-{merge}"
        costs = [(viewers, data.floor_cost(ours, viewers)) for viewers in data.sizes if data.cost(ours, viewers)]
        curves[f"floor, writing as {merge}"] = [(viewers, Figure.of(cost.values()).median) for viewers, cost in costs if cost]
    return {"fanout-cost.svg": chart.lines("CPU seconds per GB delivered", "viewers", curves)}


def of(rows):
    """(Markdown, {file name: SVG}) of what was measured, but for what http_report.py tells."""
    texts = []
    for name, text in SECTIONS.items():
        mine = of_scenario(rows, name)
        if mine:
            texts.append(text(rows if name == "fanout" else mine))
    charts = charts_of(rows)
    if "fanout-cost.svg" in charts:
        texts.insert(0, "![CPU seconds per GB over the number of viewers](fanout-cost.svg)")
    return "\n\n".join(texts), charts


def write_docs(folder, text, charts, http_text=""):
    """Replaces those sections of docs/performance.md that were measured, and leaves the others."""
    for begin, end, mine in ((BEGIN, END, text), (HTTP_BEGIN, HTTP_END, http_text)):
        if mine:
            replace_sections(folder / "performance.md", begin, end, mine)
    for name, drawing in charts.items():
        (folder / name).write_text(drawing, encoding="utf-8")
