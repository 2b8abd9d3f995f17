"""Every value that draws itself on a terminal, and what draws it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from rich.console import Console, RenderableType

from attnclf.explain.render.terminal.comparison import SideBySide
from attnclf.explain.render.terminal.evaluation import tables
from attnclf.explain.render.terminal.heatmap import HeatMap
from attnclf.explain.render.terminal.highlight import Highlight
from attnclf.explain.render.terminal.influence import Effects
from attnclf.explain.types.evaluation import Evaluation
from attnclf.explain.types.explanation import Comparison, Explanation
from attnclf.explain.types.influence import Influences

TOP = 5  # words to name under a text


def parts(value: object, top: int = TOP) -> Iterator[RenderableType]:
    """Yield the parts of a value, which rich draws one below the other."""
    if isinstance(value, Explanation):
        yield Highlight(value, top=top)
        for one in value.maps:
            yield ""
            yield HeatMap(one)
    elif isinstance(value, Comparison):
        yield SideBySide(value.explanations)
    elif isinstance(value, Influences):
        yield Effects(value)
    elif isinstance(value, Evaluation):
        yield from tables(value)


def write(windows: Iterable[Sequence[Any]], output: TextIO, top: int) -> None:
    """Print each value with a blank line after it."""
    console = Console(file=output, highlight=False)
    for window in windows:
        for value in window:
            # Rich would end the process on a pipe of --out that is closed in its own way; our writes end it in ours.
            with console.capture() as shown:
                console.print(*parts(value, top), sep="\n")
                console.print()
            output.write(shown.get())
        output.flush()
