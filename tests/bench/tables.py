"""Markdown tables, and pages of which a part is written by a program."""
import re


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def unique(values):
    return list(dict.fromkeys(values))


def number(figure, form="{:.2f}"):
    return figure.text(form) if figure else "–"


def sections(text):
    """{heading: its text, heading and all}; what stands before the first heading is under ""."""
    parts = re.split(r"(?m)^(?=### )", text)
    return {part.splitlines()[0] if part.startswith("### ") else "": part.strip() for part in parts if part.strip()}


def parts_of(path, begin, end):
    """(what stands before two marks, between them, behind them)."""
    page = path.read_text(encoding="utf-8")
    assert begin in page and end in page, f"{path} lacks the marks {begin} and {end}"
    before, rest = page.split(begin, 1)
    between, behind = rest.split(end, 1)
    return before, between, behind


def replace_between(path, begin, end, text):
    """Replaces what stands between two marks."""
    before, _, behind = parts_of(path, begin, end)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{behind}", encoding="utf-8")


def replace_sections(path, begin, end, text):
    """The same, of those sections alone that `text` has; the others stay."""
    merged = {**sections(parts_of(path, begin, end)[1]), **sections(text)}
    merged = {"": merged.pop("", ""), **merged}
    replace_between(path, begin, end, "\n\n".join(part for part in merged.values() if part))
