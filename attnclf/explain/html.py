"""Drawing explanations as one self-contained HTML page: no script, nothing fetched, dark and light."""

from collections.abc import Iterable, Iterator
from html import escape

from attnclf.explain import heatmap_html
from attnclf.explain.explanation import Explanation
from attnclf.explain.palette import DARK, LIGHT, STEPS, Page, Scale
from attnclf.explain.terminal import Run, heaviest, passages, percent, runners_up, runs, short, visible

TOP = 5


def _theme(page: Page) -> str:
    red, green, blue = bytes.fromhex(page.tone[1:])
    return (
        f"--background: {page.background}; --text: {page.text}; --quiet: {page.quiet}; --tone: {red} {green} {blue};"
        f" color-scheme: {'light' if page is LIGHT else 'dark'};"
    )


# The tone is the palette's scale, written in CSS: (weight - even) / (full - even) of the way from the page to the tone.
_STYLE = f"""\
:root {{ {_theme(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_theme(DARK)} }} }}
body {{
  margin: 2rem auto; max-width: 46rem; padding: 0 1rem;
  background: var(--background); color: var(--text); font: 1rem/1.6 system-ui, sans-serif;
}}
h1 {{ font-size: 1rem; color: var(--quiet); font-weight: normal; }}
article {{ margin: 2.5rem 0; }}
ol {{ list-style: none; margin: 0; padding: 0; display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: baseline; }}
li {{ color: var(--quiet); }}
li.chosen {{ color: var(--text); font-size: 1.15rem; }}
.bar {{
  display: inline-block; width: 5em; height: .45em; margin: 0 .25em; border-radius: .25em; vertical-align: middle;
  background: linear-gradient(currentColor 0 0) 0 / calc(var(--share) * 100%) 100% no-repeat, rgb(128 128 128 / .3);
}}
.text {{
  margin: .75rem 0; font-size: 1.15rem; line-height: 1.9; white-space: pre-wrap; overflow-wrap: anywhere;
  unicode-bidi: plaintext; text-align: start;
}}
mark {{
  color: inherit; padding: .15em 0; border-radius: .2em;
  background: rgb(var(--tone) / calc((var(--weight) - var(--even)) / (var(--full) - var(--even))));
}}
.unread, .note, .legend {{ color: var(--quiet); }}
.note, .legend {{ font-size: .9rem; margin: .25rem 0; }}
.scale {{ margin: 0 .3em; }}
.scale mark {{ padding: .15em .6em; border-radius: 0; }}
@media (forced-colors: active) {{ mark {{ text-decoration: underline; }} }}
{heatmap_html.STYLE}"""

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
<body>
<main>
<h1>attnclf explain</h1>
{{articles}}
</main>
</body>
</html>
"""


def render(explanations: Iterable[Explanation]) -> str:
    """Return an HTML document with one article per explanation; every text and label in it is escaped.

    Words are shaded by the rule of `palette.Scale`. A text of more than `terminal.LIMIT` characters shows the passages
    around its heaviest words.
    """
    return _PAGE.replace("{articles}", "\n".join(map(_article, explanations)))


def _article(explanation: Explanation) -> str:
    if explanation.label is None:
        return '<article>\n<p class="note">nothing to classify: the text is blank</p>\n</article>'
    maps = (line for one in explanation.maps for line in heatmap_html.drawn(one))
    parts = [*_labels(explanation), *_text(explanation), *_legend(explanation), *maps]
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
        words = "".join(_run(run, scale) for run in runs(explanation, start, end))
        yield f'<p class="text" lang="" dir="auto" style="--even:{scale.even:.6g};--full:{scale.full:.6g}">{words}</p>'
        drawn = end
    if drawn < length:
        yield f'<p class="note">… {length - drawn:,} more characters</p>'
    if stop is not None and stop < length:
        yield f'<p class="note">the model read the first {stop:,} of {length:,} characters</p>'


def _run(run: Run, scale: Scale) -> str:
    text = "".join(_cluster(cluster) for cluster in run.clusters)
    if not run.read:
        return f'<span class="unread">{text}</span>'
    if run.word is None:
        return text
    share = percent(run.word.weight)
    if not scale.step(run.word.weight):
        return f'<span title="{escape(share)}">{text}</span>'
    return f'<mark style="--weight:{run.word.weight:.6g}" title="{escape(share)}">{text}</mark>'


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
    even, full = escape(percent(scale.even)), escape(percent(scale.full))
    if not any(scale.step(word.weight) for word in words):
        yield f"{method} no word stands out from the even share ({even})</p>"
        return
    tones = "".join(f'<mark style="--weight:{step / STEPS:g}"></mark>' for step in range(1, STEPS + 1))
    scale_bar = f'<span class="scale" aria-hidden="true" style="--even:0;--full:1">{tones}</span>'
    yield f"{method} plain up to the even share ({even}), then {scale_bar} up to {full}</p>"
    top = ", ".join(
        f'<bdi lang="">{escape(short(w.text))}</bdi> {escape(percent(w.weight))}' for w in heaviest(words, TOP)
    )
    yield f'<p class="legend">top words: {top}</p>'
