"""Drawing explanations as one SVG picture: what a terminal shows, for documents and web pages."""

import io
import re
from collections.abc import Iterable, Sequence
from html import escape, unescape
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console

from attnclf.explain.types.explanation import Comparison, Explanation
from attnclf.explain.types.influence import Influences

# rich's own template fetches its font from the web. This one names fonts that are on people's machines.
_FORMAT = """\
<svg role="img" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<title>attnclf explain</title>
<style>
.{unique_id}-matrix {{
    font-family: "Fira Code", "DejaVu Sans Mono", Menlo, Consolas, monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
.{unique_id}-title {{ font: bold 18px sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
_CELL = 20 * 0.61  # width of a cell in rich's pictures: font size times aspect ratio
_PIECE = re.compile(r'<text ([^>]*) x="([^"]*)" y="([^"]*)" textLength="[^"]*" ([^>]*)>([^<]*)</text>')
_INK, _WORD = re.compile(r"\S(?:.*\S)?"), re.compile(r"\S+")  # rich writes every space as a no-break space


def write(windows: Iterable[Sequence[Explanation | Comparison | Influences]], output: TextIO, top: int) -> None:
    """Write a picture of all values when the last has come."""
    output.write(render(value for window in windows for value in window))


def render(explanations: Iterable[Explanation | Comparison | Influences], *, width: int = 100) -> str:
    """Return an SVG document of a terminal `width` cells wide; the same explanations give the same document.

    Lines run from left to right, as on a terminal without bidirectional text. Prefer HTML for right-to-left texts.
    """
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=25,  # without it rich takes the width from the environment
        color_system="truecolor",
        force_terminal=True,
        force_jupyter=False,
        legacy_windows=False,
        no_color=False,
    )
    for place, explanation in enumerate(explanations):
        if place:
            console.print()
        console.print(explanation)
    drawing = console.export_svg(title="attnclf explain", code_format=_FORMAT, unique_id="attnclf")
    return _PIECE.sub(_placed, drawing)


def _placed(found: re.Match[str]) -> str:
    """Place a piece of text by the cells of its ink; words of wide characters, and marked ones, each by themselves.

    rich measures in characters, which squeezes wide ones into half their room, and some viewers drop outer spaces.
    """
    style, x, y, clip, content = found.groups()
    text = unescape(content)
    apart = cell_len(text) != len(text)
    return "".join(
        _text(style, float(x) + _CELL * cell_len(text[: ink.start()]), y, clip, ink.group())
        for ink in (_WORD if apart else _INK).finditer(text)
    )


def _text(style: str, x: float, y: str, clip: str, ink: str) -> str:
    size = cell_len(ink)
    adjust = "spacing" if size > len(ink) else "spacingAndGlyphs"
    length = f'textLength="{_CELL * size:g}" lengthAdjust="{adjust}"'
    content = escape(ink).replace("\xa0", "&#160;")
    return f'<text {style} x="{x:g}" y="{y}" {length} {clip}>{content}</text>'
