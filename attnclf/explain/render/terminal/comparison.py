"""Drawing explanations of one text on a terminal, side by side: a row for each word, a column for each method."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len

from attnclf.explain.render.palette import STEPS, Scale
from attnclf.explain.render.terminal.highlight import (
    BOLD,
    DIM,
    PLAIN,
    Cell,
    Tones,
    cells,
    figure,
    header,
    percent,
    printed,
    signed,
    trimmed,
)
from attnclf.explain.types.explanation import Explanation
from attnclf.text.screen import packed, short

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

FIGURES = ("comprehensiveness", "sufficiency", "verdict")
LARGEST = 40  # words; those that weigh most under any method


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Explanations of the same text that draw themselves on a rich console, as many next to each other as fit.

    A cell has the word's weight under the method, shaded by the method's own scale; without colour a star marks the
    weights of the strongest tone. Below stand what each method is worth: comprehensiveness and sufficiency with
    deletion, and the verdict.
    """

    explanations: Sequence[Explanation]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        yield from printed(self._lines(Tones.of(console), options.max_width), options.max_width)

    def _lines(self, tones: Tones, width: int) -> Iterator[list[Cell]]:
        first = self.explanations[0]
        if first.label is None:
            yield cells("nothing to classify: the text is blank", DIM)
            return
        yield header(first)
        places = telling(self.explanations, LARGEST)
        names = [short(first.words[place].text, 20) for place in places]
        stub = max(map(cell_len, [*names, *FIGURES])) + 1
        measured = any(one.faithfulness for one in self.explanations)
        columns = [_column(one, places, tones, measured) for one in self.explanations]
        sizes = [max(cell_len(cell.symbol) for cell in column) + 2 for column in columns]
        for block in packed(sizes, width - stub):
            yield []
            for row, name in enumerate(["", *names, *(("", *FIGURES) if measured else ())]):
                line = [*cells(name, PLAIN if row <= len(names) else DIM), Cell(" " * (stub - cell_len(name)), PLAIN)]
                for place in block:
                    cell = columns[place][row]
                    pad = sizes[place] - cell_len(cell.symbol)
                    line += [Cell(cell.symbol, cell.style), Cell(" " * pad, PLAIN)]
                yield trimmed(line)
        if len(places) < len(first.words):
            yield cells(f"the {len(places)} of {len(first.words):,} words with the most weight", DIM)


def telling(explanations: Sequence[Explanation], most: int) -> list[int]:
    """Return the places of at most `most` words, those with the strongest tone under any method, in their order."""
    strength = [0.0] * len(explanations[0].words)
    for one in explanations:
        scale = Scale.of(one.words)
        full = max(scale.full, 1e-30)
        strength = [max(best, abs(word.weight) / full) for best, word in zip(strength, one.words, strict=True)]
    return sorted(sorted(range(len(strength)), key=lambda place: -strength[place])[:most])


def _column(explanation: Explanation, places: Sequence[int], tones: Tones, measured: bool) -> list[Cell]:
    """Return the cells of a method: its name, a weight for each word, and its figures where any were measured."""
    scale, column = Scale.of(explanation.words), [Cell(explanation.method, BOLD)]
    for place in places:
        weight = explanation.words[place].weight
        step = scale.step(weight)
        said = signed(weight) if explanation.signed else percent(weight)
        mark = "*" if step == STEPS and not tones.speaking else ""
        column.append(Cell(f"{said}{mark}", tones.style(weight, step)))
    found = explanation.faithfulness
    if found is None:
        return [*column, *[Cell("", PLAIN)] * (1 + len(FIGURES))] if measured else column
    figures = found.figures["delete"]
    return [
        *column,
        Cell("", PLAIN),
        Cell(figure(figures.comprehensiveness), PLAIN),
        Cell(figure(figures.sufficiency), PLAIN),
        Cell(found.verdict.replace(" ", "\xa0"), BOLD),
    ]
