"""Markdown tables, and pages of which a part is written by a program."""
import re


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def unique(values):
    return list(dict.fromkeys(values))


def number(figure, form="{:.2f}"):
    return figure.text(form) if figure else "–"


def replace_between(path, begin, end, text):
    """Replaces what stands between two marks."""
    page = path.read_text(encoding="utf-8")
    assert begin in page and end in page, f"{path} lacks the marks {begin} and {end}"
    between = re.compile(re.escape(begin) + ".*" + re.escape(end), re.S)
    path.write_text(between.sub(lambda _: f"{begin}\n\n{text}\n\n{end}", page), encoding="utf-8")
