"""Drawing a map of weights on an HTML page: a table of shades, or a list of bars."""

from collections.abc import Iterator
from html import escape

from attnclf.explain.render.terminal.heatmap import BARS, heaviest_columns, scale_of, strongest_pairs
from attnclf.explain.render.terminal.highlight import percent
from attnclf.explain.types.explanation import Map
from attnclf.text.screen import short, visible

LARGEST = 60  # words across; the ones that get most weight

STYLE = """\
.attnclf .map { overflow-x: auto; margin: 1.5rem 0; }
.attnclf .map table { border-collapse: collapse; font-size: .85rem; line-height: 1.2; }
.attnclf .map p { margin: .5rem 0; }
.attnclf .map th { font-weight: normal; text-align: start; white-space: nowrap; padding: 0 .4em 0 0; }
.attnclf .map thead th { vertical-align: bottom; text-align: center; padding: 0 0 .4em; }
.attnclf .map thead bdi { writing-mode: vertical-rl; transform: rotate(180deg); }
.attnclf .map thead .upright { transform: none; text-orientation: upright; }
.attnclf .map thead .flat { writing-mode: horizontal-tb; transform: none; }
.attnclf .map .pair { white-space: nowrap; }
.attnclf .map tbody td {
  min-width: 1.3em; height: 1.3em; padding: 0; border: 1px solid rgb(128 128 128 / .2);
  background: rgb(var(--tone) / calc((var(--weight) - var(--even)) / (var(--full) - var(--even))));
}
.attnclf .map li { flex-basis: 100%; }
"""


def drawn(weights: Map) -> Iterator[str]:
    """Yield the lines of a figure; shades follow the rule of `palette.Scale`, a cell's weight shows on pointing at it.

    A larger map has the `LARGEST` columns with the most weight; the rows too where both are the same words.
    """
    yield '<figure class="map">'
    yield f"<p><strong>{escape(visible(weights.title or weights.name))}</strong></p>"
    yield from _bars(weights) if weights.is_list else _table(weights)
    yield "</figure>"


def _table(weights: Map) -> Iterator[str]:
    columns = heaviest_columns(weights, LARGEST)
    rows = columns if weights.rows == weights.columns else range(len(weights.rows))
    scale = scale_of(weights)
    yield f'<table style="--even:{scale.even:.6g};--full:{max(scale.full, 1e-9):.6g}">'
    yield "<thead><tr><td></td>"
    yield from (f'<th scope="col">{_heading(weights.columns[column])}</th>' for column in columns)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield f'<tr><th scope="row">{_name(weights.rows[row])}</th>'
        for column in columns:
            weight = weights.weights[row][column]
            said = f"{short(weights.rows[row])} → {short(weights.columns[column])} {percent(weight)}"
            yield f'<td style="--weight:{weight:.4g}" title="{escape(said)}"></td>'
        yield "</tr>"
    yield "</tbody></table>"
    note = f"unshaded: {percent(scale.even)} or less (an even share); darkest: {percent(scale.full)}"
    if len(columns) < len(weights.columns):
        note = f"the {len(columns)} of {len(weights.columns):,} words with the most weight; {note}"
    yield f'<p class="note">{escape(note)}</p>'
    pairs = ", ".join(
        f'<span class="pair">{_name(row)} → {_name(column)} {escape(percent(weight))}</span>'
        for row, column, weight in strongest_pairs(weights)
    )
    if pairs:
        yield f'<p class="note">strongest: {pairs}</p>'


def _bars(weights: Map) -> Iterator[str]:
    (values,) = weights.weights
    largest = max(values, default=0.0) or 1.0
    yield "<ol>"
    for name, value in list(zip(weights.columns, values, strict=True))[:BARS]:
        bar = f'<span class="bar" style="--share:{value / largest:.3f}"></span>'
        yield f"<li>{_name(name)} {bar} {value:.2g}</li>"
    yield "</ol>"
    if len(weights.columns) > BARS:
        yield f'<p class="note">… and {len(weights.columns) - BARS:,} more</p>'


def _name(name: str) -> str:
    return f'<bdi lang="">{escape(short(name))}</bdi>'


def _heading(name: str) -> str:
    """Return a word that runs upwards; wide characters stay upright, as on a vertical line; one alone lies flat."""
    wide = any("\u2e80" <= character <= "\uffdc" for character in name)
    if wide or len(name) == 1:
        return f'<bdi lang="" class="{"flat" if len(name) == 1 else "upright"}">{escape(short(name))}</bdi>'
    return _name(name)
