"""Line charts as plain SVG text, readable on light and on dark pages."""
from html import escape
from itertools import cycle

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 230, 40, 48
COLOURS = ["#2f7ed8", "#e07b39", "#3aa655", "#c0459b", "#8a6fd1", "#b8962e", "#1f9e9e"]
FLOOR_COLOURS = ["#7d8590", "#a0a8b2"]
STYLE = """text { font-family: system-ui, sans-serif; font-size: 12px; fill: #333 } .grid { stroke: #8886; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #ddd } }"""


def nice_top(value):
    """The next of 1, 2, 2.5, 5 times a power of ten, and a step that divides it."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value:
        power /= 10
    top = next(factor * power for factor in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if factor * power >= value)
    return top, top / 5


def text(x, y, words, anchor="start", more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(words)}</text>'


class Plane:
    def __init__(self, points):
        self.xs = sorted({x for x, _ in points})
        self.top, self.step = nice_top(max(y for _, y in points))

    def x(self, value):
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.xs[-1]

    def y(self, value):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self.top

    def axes(self, x_label):
        yield from (f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{self.y(self.step * i):.1f}" y2="{self.y(self.step * i):.1f}"/>'
                    for i in range(6))
        yield from (text(LEFT - 8, self.y(self.step * i) + 4, f"{self.step * i:.3g}", "end") for i in range(6))
        yield from (text(self.x(x), HEIGHT - BOTTOM + 18, str(x), "middle") for x in self.xs)
        yield text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label, "middle")


def curve(plane, points, colour, dashed):
    path = " ".join(f"{plane.x(x):.1f},{plane.y(y):.1f}" for x, y in points)
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
    yield from (f'<circle cx="{plane.x(x):.1f}" cy="{plane.y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points)


def legend(names, colours):
    for i, (name, colour) in enumerate(zip(names, colours)):
        y = TOP + 10 + 20 * i
        yield f'<rect x="{WIDTH - RIGHT + 18}" y="{y - 9}" width="12" height="12" rx="2" fill="{colour}"/>'
        yield text(WIDTH - RIGHT + 36, y + 1, name)


def colours_of(names):
    palettes = {True: cycle(FLOOR_COLOURS), False: cycle(COLOURS)}
    return [next(palettes[name.startswith("floor")]) for name in names]


def lines(title, x_label, curves):
    """`curves` is {name: [(x, y)]}; those whose name begins with "floor" are dashed."""
    curves = {name: points for name, points in curves.items() if points}
    plane = Plane([point for points in curves.values() for point in points])
    colours = colours_of(curves)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
             f"<style>{STYLE}</style>", text(LEFT, 22, title, more=' font-weight="bold"'), *plane.axes(x_label)]
    for (name, points), colour in zip(curves.items(), colours):
        parts += curve(plane, points, colour, name.startswith("floor"))
    return "\n".join([*parts, *legend(curves, colours), "</svg>", ""])
