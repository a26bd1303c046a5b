"""Tables and verdicts of serving files, out of raw rows."""
import judge
from judge import Figure
from tables import number, table, unique

RATE_MIN, COST_MAX, RELOAD_MAX_MS, PACKAGING_MAX, WORKERS_MAX = 0.9, 1.1, 10.0, 0.01, 1.15


def values(rows, take, **wanted):
    """{round: value} of the rows that are as wanted and had no errors."""
    return {row["round"]: take(row) for row in rows
            if not row.get("errors") and row.get("requests", 1) and all(row[key] == value for key, value in wanted.items())}


def rate(row):
    return row["requests_per_s"]


def cost(row):
    return row["cpu_per_gb"]


def share(who):
    return lambda row: row[who] / row["window_s"]


def cells(rows):
    return unique((row["transport"], row["what"], row["connections"]) for row in rows)


def key(cell):
    return dict(zip(("transport", "what", "connections"), cell))


def files_figures(rows):
    out = []
    for cell in cells(rows):
        for name in unique(row["contestant"] for row in rows if row["transport"] == cell[0]):
            figures = [Figure.of(values(rows, take, contestant=name, **key(cell)).values())
                       for take in (rate, cost, share("server_cpu_s"), share("load_cpu_s"))]
            if figures[0]:
                shares = " / ".join(f"{figure.median:.0%}" for figure in figures[2:])
                out.append([*cell, name, number(figures[0], "{:.0f}"), number(figures[1], "{:.3f}"), shares])
    return table(["transport", "body", "connections", "contestant", "requests a second", "CPU s/GB", "core of the server / of the client"], out)


def files_verdicts(rows):
    out = []
    for cell in cells(rows):
        of = {name: {take: values(rows, take, contestant=name, **key(cell)) for take in (rate, cost)}
              for name in ("weir", "nginx", "nginx-sendfile")}
        fast = judge.ratio_at_least(of["weir"][rate], of["nginx"][rate], RATE_MIN)
        cheap = judge.ratio_at_most(of["weir"][cost], of["nginx"][cost], COST_MAX)
        sendfile = Figure.of(judge.paired_ratios(of["weir"][cost], of["nginx-sendfile"][cost]))
        out.append([*cell, fast.text(), cheap.text(), number(sendfile)])
    return table(["transport", "body", "connections", f"requests a second, weir / nginx, wanted ≥ {RATE_MIN}",
                  f"CPU s/GB, weir / nginx, wanted ≤ {COST_MAX}", "CPU s/GB, weir / nginx with sendfile"], out)


def files_text(rows):
    return "### Playlists and segments beside nginx\n\n" + files_verdicts(rows) + "\n\n" + files_figures(rows)


def reload_text(rows):
    out = []
    for count in sorted({row["connections"] for row in rows}, reverse=True):
        figures = [Figure.of(row[name] for row in rows if row["connections"] == count) for name in ("first_ms", "p50_ms", "p99_ms")]
        verdict = judge.at_most(figures[1], RELOAD_MAX_MS).text() if count > 1 else number(figures[1])
        out.append([count, number(figures[0]), verdict, number(figures[2])])
    flv = Figure.of(row["flv_ms"] for row in rows if row["connections"] == 1)
    return ("### Players that wait for a part\n\n" + table(["they are", "first answer, ms", f"median answer, ms, wanted ≤ {RELOAD_MAX_MS:g}",
                                                            "p99, ms"], out)
            + f"\n\nFrom the encoder's sending of the part's last frame, through origin and edge; of that, a frame takes {number(flv)} ms to a viewer by HTTP-FLV.")


def packaging_text(rows):
    extra = Figure.of(row["packaging"] - row["plain"] for row in rows if not row["errors"])
    return f"### Packaging\n\n{rows[0]['streams']} streams of 5 Mbit/s, each with one viewer by HTTP-FLV.\n\n" + table(
        ["share of a core for each stream", "median (range)"],
        [["relayed only", number(Figure.of(row["plain"] for row in rows), "{:.2%}")],
         ["packaged besides, its playlist asked for at each part", number(Figure.of(row["packaging"] for row in rows), "{:.2%}")],
         [f"packaging alone, wanted ≤ {PACKAGING_MAX:.0%}", judge.at_most(extra, PACKAGING_MAX).text("{:.2%}")]])


def workers_text(rows):
    out = []
    for what in unique(row["what"] for row in rows):
        of = {count: values(rows, cost, contestant=f"{count}-workers", what=what) for count in (1, 2)}
        out.append([what, number(Figure.of(of[1].values()), "{:.3f}"), number(Figure.of(of[2].values()), "{:.3f}"),
                    judge.ratio_at_most(of[2], of[1], WORKERS_MAX, floor={}).text()])
    return "### Two workers for playlists and segments\n\n" + table(
        ["body", "CPU s/GB, one worker", "two workers", f"two / one, wanted ≤ {WORKERS_MAX}"], out)


SECTIONS = {"http-files": files_text, "http-reload": reload_text, "http-packaging": packaging_text, "http-workers": workers_text}


def of(rows):
    texts = [text([row for row in rows if row["scenario"] == name]) for name, text in SECTIONS.items()
             if any(row["scenario"] == name for row in rows)]
    return "\n\n".join(texts)
