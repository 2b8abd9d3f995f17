"""Drawing several explanations of one text on an HTML page, side by side: a row for each word, a column a method."""

from collections.abc import Iterator, Sequence
from html import escape

from attnclf.explain.render.palette import Scale
from attnclf.explain.render.terminal.comparison import FIGURES, telling
from attnclf.explain.render.terminal.highlight import figure, percent, signed
from attnclf.explain.types.explanation import Explanation
from attnclf.text.screen import short, visible

LARGEST = 60  # words; those that weigh most under any method

STYLE = """\
.attnclf .methods { overflow-x: auto; margin: 1rem 0; }
.attnclf .methods table { border-collapse: collapse; font-size: .9rem; line-height: 1.3; }
.attnclf .methods th { font-weight: normal; text-align: start; padding: .1em .8em .1em 0; white-space: nowrap; }
.attnclf .methods thead th { font-weight: bold; }
.attnclf .methods td {
  padding: .1em .8em .1em .3em; white-space: nowrap; text-align: start; background: none;
}
.attnclf .methods tbody td {
  background: rgb(var(--tone) / clamp(0, (var(--weight) - var(--even)) / (var(--full) - var(--even)), 1));
}
.attnclf .methods .count { padding-left: .8em; }
.attnclf .methods .example { color: var(--quiet); white-space: normal; }
.attnclf .methods tfoot { border-top: 1px solid rgb(128 128 128 / .4); }
"""


def drawn(explanations: Sequence[Explanation]) -> Iterator[str]:
    """Yield the lines of the text and a table; each column is shaded by the scale of its own method.

    A longer text has the `LARGEST` words with the most weight under any method.
    """
    first = explanations[0]
    yield f'<p class="text" lang="" dir="auto">{escape(visible(short(first.text, 400)))}</p>'
    places = telling(explanations, LARGEST)
    yield '<div class="methods"><table>'
    heads = "".join(f'<th scope="col">{escape(one.method)}</th>' for one in explanations)
    yield f"<thead><tr><td></td>{heads}</tr></thead><tbody>"
    scales = [Scale.of(one.words) for one in explanations]
    for place in places:
        cells = "".join(_cell(one, place, scale) for one, scale in zip(explanations, scales, strict=True))
        yield f'<tr><th scope="row"><bdi lang="">{escape(short(first.words[place].text))}</bdi></th>{cells}</tr>'
    yield "</tbody>"
    if any(one.faithfulness for one in explanations):
        rows = zip(FIGURES, *map(_figures, explanations), strict=True)
        lines = (
            f'<tr><th scope="row">{name}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>'
            for name, *values in rows
        )
        yield f"<tfoot>{''.join(lines)}</tfoot>"
    yield "</table></div>"
    if len(places) < len(first.words):
        yield f'<p class="note">the {len(places)} of {len(first.words):,} words with the most weight</p>'


def _cell(explanation: Explanation, place: int, scale: Scale) -> str:
    weight = explanation.words[place].weight
    side = ' class="against"' if weight < 0 else ""
    said = signed(weight) if explanation.signed else percent(weight)
    bounds = f"--even:{scale.even:.6g};--full:{max(scale.full, 1e-9):.6g}"
    return f'<td{side} style="--weight:{abs(weight):.6g};{bounds}">{escape(said)}</td>'


def _figures(explanation: Explanation) -> tuple[str, str, str]:
    found = explanation.faithfulness
    if found is None:
        return "", "", ""
    figures = found.figures["delete"]
    return figure(figures.comprehensiveness), figure(figures.sufficiency), found.verdict
