"""Drawing on a terminal what words do over many texts: a block for each label, a line for each word."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from attnclf.explain.render.palette import STEPS, Scale
from attnclf.explain.render.terminal.highlight import BOLD, DIM, PLAIN, Cell, Tones, cells, printed, signed, trimmed
from attnclf.explain.types.influence import Influences
from attnclf.text.screen import short

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult


@dataclass(frozen=True, slots=True)
class Effects:
    """Each label, and its words with effect, number of texts and an example."""

    influences: Influences

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        width = options.max_width
        yield from printed(_paragraphs(self.influences, Tones.of(console), width), width)


def _paragraphs(influences: Influences, tones: Tones, width: int) -> Iterator[list[Cell]]:
    if not influences.texts:
        yield cells("every text is blank", DIM)
        return
    for place, (label, texts) in enumerate(influences.texts.most_common()):
        if place:
            yield []
        yield [
            *cells(label, BOLD),
            *cells(f"  {texts:,} {'text' if texts == 1 else 'texts'}, {influences.asked(label)}", DIM),
        ]
        strongest = influences.strongest(label)
        scale = Scale(even=0.0, full=max((abs(one.mean) for one in strongest), default=0.0))
        names = [short(one.word, 20) for one in strongest]
        stub = max(map(cell_len, names), default=0) + 2
        for name, one in zip(names, strongest, strict=True):
            step = max(scale.step(one.mean, STEPS), 1)
            line = [
                Cell("  ", PLAIN),
                Cell(name, tones.style(one.mean, step)),
                Cell(" " * (stub - cell_len(name)), PLAIN),
            ]
            line += [Cell(f"{signed(one.mean):>6} in {one.texts:>5,}  ", PLAIN)]
            room = max(width - stub - 20, 10)
            yield trimmed([*line, *cells(short(one.excerpt(room), room), DIM)])
