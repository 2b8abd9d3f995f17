"""Drawing on an HTML page what words do over many texts: a table for each label."""

from collections.abc import Iterator
from html import escape

from attnclf.explain.render.palette import Scale
from attnclf.explain.render.terminal.highlight import signed
from attnclf.explain.types.influence import Influences
from attnclf.text.screen import short, visible


def drawn(influences: Influences) -> Iterator[str]:
    """Yield an article for each label: its words with their mean effect, the number of texts, and an example."""
    for label, texts in influences.texts.most_common():
        strongest = influences.strongest(label)
        scale = Scale(even=0.0, full=max((abs(one.mean) for one in strongest), default=0.0) or 1.0)
        yield "<article>"
        count = f"{texts:,} {'text' if texts == 1 else 'texts'}, {escape(visible(influences.asked(label)))}"
        yield f'<p><strong><bdi lang="">{escape(visible(label))}</bdi></strong> <span class="note">{count}</span></p>'
        yield '<div class="methods"><table><tbody>'
        for one in strongest:
            side = ' class="against"' if one.mean < 0 else ""
            shade = f"--weight:{abs(one.mean):.6g};--even:0;--full:{scale.full:.6g}"
            yield (
                f'<tr><th scope="row"><bdi lang="">{escape(short(one.word))}</bdi></th>'
                f'<td{side} style="{shade}">{escape(signed(one.mean))}</td><th class="count">in {one.texts:,}</th>'
                f'<th class="example"><bdi lang="">{escape(visible(one.excerpt()))}</bdi></th></tr>'
            )
        yield "</tbody></table></div>"
        yield "</article>"
