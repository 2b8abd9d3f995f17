"""Drawing the deletion curves of the methods as one SVG picture that follows the reader's light or dark setting."""

from collections.abc import Iterator, Sequence
from html import escape

from attnclf.explain.render.palette import DARK, LIGHT
from attnclf.explain.types.evaluation import FLOOR, SHARES, Evaluation

WIDTH, HEIGHT = 760, 420
LEFT, TOP, RIGHT, BOTTOM = 64, 48, 540, 356  # of the axes
TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

# Colours that keep a contrast of 3 : 1 or more with the page; a second round of them is dashed.
LINES = {
    "light": ("#0969da", "#bc4c00", "#1a7f37", "#8250df", "#cf222e"),
    "dark": ("#58a6ff", "#f0883e", "#3fb950", "#bc8cff", "#ff7b72"),
}


def render(found: Evaluation) -> str:
    """Return the SVG document; the same figures make the same bytes, and nothing is fetched from elsewhere."""
    return "\n".join(_lines(found)) + "\n"


def _lines(found: Evaluation) -> Iterator[str]:
    yield f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" xmlns="http://www.w3.org/2000/svg">'
    yield f"<title>Deletion curves over {found.texts:,} texts</title>"
    yield f"<style>\n{_style()}</style>"
    yield f'<rect class="page" width="{WIDTH}" height="{HEIGHT}"/>'
    yield f'<text class="title" x="{LEFT}" y="26">What is left of the label when words are deleted</text>'
    for tick in TICKS:
        x, y = _place(tick, tick)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:g}" x2="{RIGHT}" y2="{y:g}"/>'
        yield f'<text class="quiet" x="{LEFT - 8}" y="{y + 4:g}" text-anchor="end">{100 * tick:g} %</text>'
        yield f'<text class="quiet" x="{x:g}" y="{BOTTOM + 20}" text-anchor="middle">{100 * tick:g} %</text>'
    yield f'<text class="quiet" x="{(LEFT + RIGHT) / 2:g}" y="{BOTTOM + 44}" text-anchor="middle">'
    yield "words deleted, the heaviest first</text>"
    middle = (TOP + BOTTOM) / 2
    yield f'<text class="quiet" transform="translate(16 {middle:g}) rotate(-90)" text-anchor="middle">'
    yield "mean probability of the label</text>"
    # The legend has the most faithful first, whose curve falls the most; chance is its own kind of line.
    order = sorted(found.methods, key=lambda name: float(found.methods[name].left.mean()))
    colours = {name: place for place, name in enumerate(name for name in found.methods if name != FLOOR)}
    for row, name in enumerate(order):
        kind = _kind(colours.get(name))
        points = _points(found.methods[name].left.tolist())
        yield f'<polyline class="curve {kind}" points="{points}"><title>{escape(name)}</title></polyline>'
        y = TOP + 8 + 24 * row
        yield f'<line class="curve {kind}" x1="{RIGHT + 20}" y1="{y}" x2="{RIGHT + 48}" y2="{y}"/>'
        yield f'<text x="{RIGHT + 56}" y="{y + 4}">{escape(name)}</text>'
    yield "</svg>"


def _points(left: Sequence[float]) -> str:
    places = (_place(share, value) for share, value in zip((0.0, *SHARES), left, strict=True))
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _place(share: float, value: float) -> tuple[float, float]:
    """Return where a point of the curve lies: share of words, probability → x, y."""
    return LEFT + share * (RIGHT - LEFT), BOTTOM - value * (BOTTOM - TOP)


def _kind(place: int | None) -> str:
    if place is None:
        return "floor"
    count = len(LINES["light"])
    return f"c{place % count}" + (" second" if place >= count else "")


def _style() -> str:
    lines = [
        "text { font: 13px sans-serif; }",
        ".title { font-weight: bold; font-size: 15px; }",
        ".curve { fill: none; stroke-width: 2; stroke-linejoin: round; }",
        ".second { stroke-dasharray: 8 4; }",
        ".floor { stroke-dasharray: 2 4; }",
        *_colours("light"),
        "@media (prefers-color-scheme: dark) {",
        *_colours("dark"),
        "}",
    ]
    return "\n".join(lines) + "\n"


def _colours(setting: str) -> Iterator[str]:
    page = LIGHT if setting == "light" else DARK
    yield f".page {{ fill: {page.background}; }}"
    yield f"text {{ fill: {page.text}; }}"
    yield f".quiet {{ fill: {page.quiet}; }}"
    yield f".grid {{ stroke: {page.quiet}; stroke-opacity: .3; }}"
    yield f".floor {{ stroke: {page.quiet}; }}"
    yield from (f".c{place} {{ stroke: {colour}; }}" for place, colour in enumerate(LINES[setting]))
