"""Drawing explanations as one self-contained HTML page: no script, nothing fetched, dark and light."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import TextIO

from attnclf.explain.render.html import comparison, css, heatmap, influence
from attnclf.explain.render.palette import STEPS, Scale
from attnclf.explain.render.terminal.highlight import (
    Run,
    amount,
    effect,
    heaviest,
    passages,
    percent,
    runners_up,
    runs,
    signed,
    strongest,
)
from attnclf.explain.types.explanation import Comparison, Explanation
from attnclf.explain.types.influence import Influences
from attnclf.text.screen import short, visible

Drawn = Explanation | Comparison | Influences

TOP = 5
AGAINST = ' class="against"'


# All of it stays inside .attnclf, for a notebook has a style of its own.
_STYLE = f"""\
{css.THEME}\
.attnclf {{ background: var(--background); color: var(--text); font: 1rem/1.6 system-ui, sans-serif; }}
body.attnclf {{ margin: 2rem auto; max-width: 46rem; padding: 0 1rem; }}
div.attnclf {{ max-width: 46rem; padding: .1rem 1rem; }}
.attnclf h1 {{ font-size: 1rem; color: var(--quiet); font-weight: normal; }}
.attnclf article {{ margin: 2.5rem 0; }}
div.attnclf article {{ margin: 1rem 0; }}
.attnclf ol {{
  list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline;
}}
.attnclf li {{ color: var(--quiet); }}
.attnclf li.chosen {{ color: var(--text); font-size: 1.15rem; }}
.attnclf .bar {{
  display: inline-block; width: 5em; height: .45em; margin: 0 .25em; border-radius: .25em; vertical-align: middle;
  background: linear-gradient(currentColor 0 0) 0 / calc(var(--share) * 100%) 100% no-repeat, rgb(128 128 128 / .3);
}}
.attnclf .note, .attnclf .legend {{ color: var(--quiet); font-size: .9rem; margin: .25rem 0; }}
.attnclf .legend strong {{ color: var(--text); }}
{css.WORDS}{heatmap.STYLE}{comparison.STYLE}"""

_PAGE = f"""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>attnclf explain</title>
<style>
{_STYLE}</style>
</head>
<body class="attnclf">
<main>
<h1>attnclf explain</h1>
{{articles}}
</main>
</body>
</html>
"""


def render(explanations: Iterable[Drawn]) -> str:
    """Return an HTML document with one article per explanation; every text and label in it is escaped.

    Words are shaded by the rule of `palette.Scale`. A text of more than `terminal.LIMIT` characters shows the passages
    around its top words. A comparison shows the text once, with a table of words below.
    """
    return _PAGE.replace("{articles}", "\n".join(map(_article, explanations)))


def write(windows: Iterable[Sequence[Drawn]], output: TextIO, top: int) -> None:
    """Write a document of all values when the last has come."""
    output.write(render(value for window in windows for value in window))


def fragment(explanations: Iterable[Drawn]) -> str:
    """Return the same for a page that others have begun, such as a notebook: a style that touches nothing else."""
    articles = "\n".join(map(_article, explanations))
    return f'<style>\n{_STYLE}</style>\n<div class="attnclf">\n{articles}\n</div>'


def _article(drawn: Drawn) -> str:
    if isinstance(drawn, Influences):
        return "\n".join(influence.drawn(drawn))
    explanation = drawn.explanations[0] if isinstance(drawn, Comparison) else drawn
    if explanation.label is None:
        return '<article>\n<p class="note">nothing to classify: the text is blank</p>\n</article>'
    if isinstance(drawn, Comparison):
        parts = [*_labels(explanation), *comparison.drawn(drawn.explanations)]
    else:
        maps = (line for one in drawn.maps for line in heatmap.drawn(one))
        parts = [*_labels(drawn), *_text(drawn), *_legend(drawn), *_faithfulness(drawn), *_contributions(drawn), *maps]
    return "\n".join(["<article>", *parts, "</article>"])


def _safe(text: str) -> str:
    return escape(visible(text))


def _labels(explanation: Explanation) -> Iterator[str]:
    scores = dict(explanation.labels)
    if not explanation.chosen:
        best, score = explanation.labels[0]
        best = f'<bdi lang="">{_safe(best)}</bdi> {escape(percent(score))}'
        yield f'<p class="note">no label; most probable: {best}</p>'
    yield '<ol aria-label="labels">'
    for label in explanation.chosen:
        yield f'<li class="chosen"><strong><bdi lang="">{_safe(label)}</bdi></strong> {_bar(scores[label])}</li>'
    for label, score in runners_up(explanation):
        yield f'<li><bdi lang="">{_safe(label)}</bdi> {_bar(score)}</li>'
    yield "</ol>"


def _bar(share: float) -> str:
    return f'<span class="bar" style="--share:{share:.3f}"></span> {escape(percent(share))}'


def _text(explanation: Explanation) -> Iterator[str]:
    scale = Scale.of(explanation.words)
    length, stop = len(explanation.text), explanation.truncated_at
    drawn = 0
    for start, end in passages(explanation, TOP):
        if start > drawn:
            yield f'<p class="note">… {start - drawn:,} characters …</p>'
        words = "".join(_run(run, explanation, scale) for run in runs(explanation, start, end))
        yield f'<p class="text" lang="" dir="auto" style="--even:{scale.even:.6g};--full:{scale.full:.6g}">{words}</p>'
        drawn = end
    if drawn < length:
        yield f'<p class="note">… {length - drawn:,} more characters</p>'
    if stop is not None and stop < length:
        yield f'<p class="note">the model read the first {stop:,} of {length:,} characters</p>'


def _run(run: Run, explanation: Explanation, scale: Scale) -> str:
    text = "".join(_cluster(cluster) for cluster in run.clusters)
    if not run.read:
        return f'<span class="unread">{text}</span>'
    if run.word is None:
        return text
    said = escape(amount(explanation, run.word))
    if not scale.step(run.word.weight):
        return f'<span title="{said}">{text}</span>'
    side = AGAINST if run.word.weight < 0 else ""
    return f'<mark{side} style="--weight:{abs(run.word.weight):.6g}" title="{said}">{text}</mark>'


def _cluster(cluster: str) -> str:
    if cluster in ("\n", "\r\n"):
        return "\n"
    return "\t" if cluster == "\t" else _safe(cluster)


def _legend(explanation: Explanation) -> Iterator[str]:
    words, scale = explanation.words, Scale.of(explanation.words)
    method = f'<p class="legend"><strong>{_safe(explanation.method)}</strong>:'
    if not words:
        yield f"{method} no word to weigh</p>"
        return
    striking = any(scale.step(word.weight) for word in words)
    if not striking and not explanation.signed:
        yield f"{method} no word stands out from an even share ({escape(percent(scale.even))})</p>"
    elif not striking:
        yield f"{method} no word stands out</p>"
    elif explanation.signed:
        sides = [f"{_tones(style)} {side}" for side, style in zip(_sides(explanation), ("", AGAINST), strict=True)]
        yield f"{method} {', '.join(sides)}, from ±{scale.even:.2f} to ±{scale.full:.2f} (log-odds)</p>"
    else:
        full = escape(percent(scale.full))
        even = escape(percent(scale.even))
        yield f"{method} unshaded: {even} or less (an even share), {_tones('')} up to {full}</p>"
    if not heaviest(words, 1):
        return
    top = ", ".join(
        f'<bdi lang="">{escape(short(word.text))}</bdi> {escape(amount(explanation, word))}'
        for word in heaviest(words, TOP)
    )
    yield f'<p class="legend">top words: {top}</p>'


def _sides(explanation: Explanation) -> Iterator[str]:
    """Yield what the two colours stand for."""
    yield f'for <bdi lang="">{_safe(explanation.label or "")}</bdi>'
    other = explanation.against
    yield "against it" if other is None else f'for <bdi lang="">{_safe(other)}</bdi>'


def _tones(style: str) -> str:
    tones = "".join(f'<mark{style} style="--weight:{step / STEPS:g}"></mark>' for step in range(1, STEPS + 1))
    return f'<span class="scale" aria-hidden="true" style="--even:0;--full:1">{tones}</span>'


def _faithfulness(explanation: Explanation) -> Iterator[str]:
    found = explanation.faithfulness
    if found is not None:
        label = f'<bdi lang="">{_safe(short(explanation.label or ""))}</bdi>'
        yield f'<p class="legend"><strong>{found.verdict}</strong>: {effect(label, found)}</p>'
    if explanation.gap is not None:
        yield f'<p class="legend">convergence gap: {explanation.gap:.1g}</p>'


def _contributions(explanation: Explanation) -> Iterator[str]:
    moving = strongest(explanation.words, TOP)
    if moving and explanation.label is not None and explanation.method != "ngrams":
        named = ", ".join(f'<bdi lang="">{escape(short(word.text))}</bdi> {signed(amount)}' for word, amount in moving)
        label = f'<bdi lang="">{_safe(explanation.label)}</bdi>'
        if explanation.against is not None:
            label += f' rather than <bdi lang="">{_safe(explanation.against)}</bdi>'
        yield f'<p class="legend"><strong>n-grams</strong> for {label}: {named}</p>'
