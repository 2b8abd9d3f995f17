"""Drawing on a terminal what the methods of a model are worth: a row for each method, a table for each target."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from attnclf.evaluation.intervals import Mean
from attnclf.explain.perturbation import Removal
from attnclf.explain.types.evaluation import Evaluation, Permutation
from attnclf.text.screen import packed

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

TITLES: dict[Removal, str] = {"delete": "words deleted", "mask": "words masked"}


def tables(found: Evaluation) -> Iterator["RenderableType"]:
    """Yield a table for each removal, one for agreement, plausibility and time, and the permutation test."""
    for removal, title in TITLES.items():
        yield Text(f"\nFaithfulness over {_texts(found.texts)}, {title}", style="bold")
        yield Figures(
            ["method", "comprehensiveness ↑", "sufficiency ↓"],
            [
                [name, interval(one.comprehensiveness[removal]), interval(one.sufficiency[removal])]
                for name, one in found.methods.items()
            ],
        )
    yield Text("\nAgreement and time", style="bold")
    yield Figures(
        ["method", "tau with leave-one-out", "ms a text"],
        [
            [name, "" if one.tau is None else interval(one.tau), f"{one.milliseconds:.1f}"]
            for name, one in found.methods.items()
        ],
    )
    if found.marked:
        yield Text(f"\nAgreement with what people marked in {_texts(found.marked)}", style="bold")
        yield Figures(
            ["method", "AUPRC", "token F1", "IOU F1"],
            [
                [name, interval(one.plausible.auprc), interval(one.plausible.token_f1), f"{one.plausible.iou_f1:.2f}"]
                for name, one in found.methods.items()
                if one.plausible
            ],
        )
    yield Text("\nAttention permuted", style="bold")
    yield Text(_permutation(found.permutation))


def _permutation(test: Permutation | str) -> str:
    if isinstance(test, str):
        return f"not tested: {test}"
    return (
        f"shuffling the weights of a text moves its answer by {interval(test.distance, 3)} of 1, and changes its "
        f"label in {100 * test.changed:.1f} % of the shuffles ({_texts(test.texts)})"
    )


def _texts(count: int) -> str:
    return f"{count:,} {'text' if count == 1 else 'texts'}"


def interval(mean: Mean, digits: int = 2) -> str:
    """Write a mean with its interval."""
    middle, low, high = (f"{round(value, digits) + 0:.{digits}f}".replace("-", "−") for value in mean)  # never −0.00
    return f"{middle} ({low} to {high})"


@dataclass(frozen=True, slots=True)
class Figures:
    """A table whose first column is text and whose others are figures, as many next to each other as fit."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        stub, *columns = zip(self.header, *self.rows, strict=True)
        sizes = [2 + max(map(len, column)) for column in columns]
        for block in packed(sizes, options.max_width - max(map(len, stub))):
            drawn = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
            drawn.add_column(stub[0], no_wrap=True)
            for place in block:
                drawn.add_column(columns[place][0], justify="right", no_wrap=True)
            for name, *cells in zip(stub[1:], *(columns[place][1:] for place in block), strict=True):
                drawn.add_row(*map(Text, [name, *cells]))
            yield drawn
