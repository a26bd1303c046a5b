"""The figures that stories give: written down one a line, judged, and made into a table.

WEIR_FIGURES names the file, to which stories that run at once all append; without it figures are only printed.
"""
import json
import os
import statistics
import sys
from pathlib import Path

BEGIN, END = "<!-- stories: written by tests/run cluster -->", "<!-- stories: end -->"


def tell(story, what, value, unit, wanted=None):
    """A figure of one round. `wanted` is its greatest good value, from the project's targets."""
    print(f"{what}: {value:g} {unit}" + (f", wanted at most {wanted:g}" if wanted is not None else ""))
    path = os.environ.get("WEIR_FIGURES")
    if path:
        line = json.dumps({"story": story, "what": what, "value": value, "unit": unit, "wanted": wanted})
        with open(path, "a", encoding="utf-8") as file:
            file.write(line + "\n")


def read(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def number(value):
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(rows):
    """Markdown: a line a figure, stories in the order of their names."""
    found = {}
    for row in rows:
        found.setdefault((row["story"], row["what"], row["unit"], row["wanted"]), []).append(row["value"])
    lines = ["| story | figure | rounds | median | maximum | wanted at most |", "|---|---|---|---|---|---|"]
    for (story, what, unit, wanted), values in sorted(found.items(), key=lambda item: item[0][:2]):
        verdict = "" if wanted is None else f"{number(wanted)} {unit}: {'reached' if max(values) <= wanted else 'missed'}"
        lines.append(f"| {story.replace('_', ' ')} | {what} | {len(values)} | {number(statistics.median(values))} {unit} | "
                     f"{number(max(values))} {unit} | {verdict} |")
    return "\n".join(lines)


def write_docs(page, text):
    """Puts the table between the page's two marks."""
    whole = page.read_text(encoding="utf-8")
    before, rest = whole.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main():
    """usage: figures.py FILE [PAGE]: prints the table of a file of figures, and writes it into a page."""
    rows = read(sys.argv[1])
    print(table(rows))
    if len(sys.argv) > 2:
        write_docs(Path(sys.argv[2]), table(rows))


if __name__ == "__main__":
    main()
