"""What a person sees after training or evaluating: tables on the terminal, and the same as files with figures."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from attnclf.evaluation import figures
from attnclf.evaluation.metrics import METRICS, Metrics, certain
from attnclf.text.screen import visible

MATRIX_LABELS = 12  # up to so many labels the confusion matrix is written out
TABLE_LABELS = 20  # up to so many labels the terminal lists all of them
FIGURE_LABELS = 60  # up to so many labels the confusion matrix is drawn as a figure
SHOWN = 10  # confusions and weakest labels that are listed when there are more


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A linear model's metrics by split, learned from the same rows in `seconds`."""

    splits: Mapping[str, Metrics]
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A model's metrics by split, with those of a linear baseline.

    `baseline` is the reason where it was skipped, and None where nobody asked for one. `history` has an entry
    per epoch: epoch, step, train_loss, valid_loss, valid_score (0 to 1), seconds since training began. The details
    (labels, confusions, calibration) are those of the test split, or of the last split without one.
    """

    title: str
    splits: Mapping[str, Metrics]
    baseline: Baseline | str | None = None
    history: Sequence[Mapping[str, float]] = ()

    @property
    def split(self) -> str:
        """The split that the details and the verdict are about."""
        return "test" if "test" in self.splits else list(self.splits)[-1]

    @property
    def verdict(self) -> str:
        """How the network compares with the linear baseline, in one sentence."""
        if self.baseline is None:
            return ""
        if isinstance(self.baseline, str):
            return f"No comparison with a linear baseline: {self.baseline}."
        ours, theirs = self.splits[self.split], self.baseline.splits[self.split]
        points = round(100 * (ours.score - theirs.score), 1)
        where = f"({ours.score_name}, {self.split})"
        if points == 0:
            return f"Level with TF-IDF + logistic regression {where}, which learns in {self.baseline.seconds:.0f} s."
        sure = certain(ours, theirs)
        doubt = "" if sure else f"; {ours.rows:,} rows are too few to be sure"
        if points > 0:
            return f"{points:.1f} points above TF-IDF + logistic regression {where}{doubt}."
        advice = "; try --preset accurate or pretrained vectors, or use the linear model" if sure else ""
        return f"The linear baseline is {-points:.1f} points better on this data {where}{doubt}{advice}."

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, as in metrics.json."""
        baseline: dict[str, Any] | None = None
        if isinstance(self.baseline, Baseline):
            splits = {name: metrics.to_dict() for name, metrics in self.baseline.splits.items()}
            baseline = {"seconds": self.baseline.seconds, "splits": splits}
        elif self.baseline is not None:
            baseline = {"skipped": self.baseline}
        return {
            "splits": {name: metrics.to_dict() for name, metrics in self.splits.items()},
            "baseline": baseline,
            "verdict": self.verdict,
            "history": [
                {key: value if math.isfinite(value) else None for key, value in entry.items()} for entry in self.history
            ],
        }

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width, metrics = options.max_width, self.splits[self.split]
        yield Text(_plain(self.title), style="bold")
        yield from (Text(line) for line in self._lines())
        yield from _summary(self).draw(width)
        yield from _labels(metrics, self.split, TABLE_LABELS).draw(width)
        if (matrix := _matrix(metrics)) and matrix.narrowest <= width:
            yield from matrix.draw(width)
        elif pairs := list(islice(_confusions(metrics), SHOWN)):
            yield Text("\nMost frequent confusions", style="bold")
            yield from (Padding(Text(pair), (0, 0, 0, 2), expand=False) for pair in pairs)

    def write(self, folder: Path) -> None:
        """Write metrics.json, report.md and the figures that apply into `folder`, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        metrics = self.splits[self.split]
        pictures = {"reliability": ("Reliability", figures.reliability(metrics.calibration))}
        if len(metrics.per_label) <= FIGURE_LABELS and metrics.confusion is not None:
            names = [label.label for label in metrics.per_label]
            pictures["confusion"] = ("Confusion matrix", figures.confusion(metrics.confusion, names))
        if self.history:
            pictures["learning_curve"] = ("Learning curve", figures.learning_curve(self.history))
        for name, (_, svg) in pictures.items():
            (folder / f"{name}.svg").write_text(svg, encoding="utf-8")

        document = [f"# {_escape(self.title)}", *self._lines(), _summary(self).markdown()]
        document.append(_labels(metrics, self.split, len(metrics.per_label)).markdown())
        if matrix := _matrix(metrics):
            document.append(matrix.markdown())
        elif pairs := list(islice(_confusions(metrics), SHOWN)):
            document.append("## Most frequent confusions")
            document.append("\n".join(f"- {_escape(pair)}" for pair in pairs))
        document += [f"## {title}\n\n![{title}]({name}.svg)" for name, (title, _) in reversed(pictures.items())]
        (folder / "report.md").write_text("\n\n".join(document) + "\n", encoding="utf-8")
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=1, allow_nan=False)
        (folder / "metrics.json").write_text(text + "\n", encoding="utf-8")

    def _lines(self) -> Iterator[str]:
        if self.verdict:
            yield self.verdict
        if self.history:
            best = max(self.history, key=lambda entry: (entry["valid_score"], -entry["valid_loss"]))
            last = self.history[-1]
            score = f"validation score {100 * best['valid_score']:.1f}"
            yield f"Best epoch {best['epoch']:g} of {last['epoch']:g} ({score}), trained in {last['seconds']:.0f} s."
        metrics = self.splits[self.split]
        if metrics.ece_before is not None:
            yield (
                f"Calibration error (ECE, {self.split}): {metrics.ece_before:.3f} before calibration, "
                f"{metrics.ece:.3f} after; by chance alone, on {metrics.rows:,} rows: "
                f"{metrics.calibration.by_chance:.3f}."
            )
        if metrics.unknown:
            rows = self.split if self.split == "rows" else f"{self.split} rows"
            yield f"{metrics.unknown:,} {rows} have labels the model has never seen; they count as wrong."


class _Grid(NamedTuple):
    """A table that can be drawn and written: a column of words, then columns of figures."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def right(self) -> int:
        """Cells that the columns of figures take, with the gaps before them."""
        return sum(2 + max(map(cell_len, column)) for column in list(zip(self.header, *self.rows, strict=True))[1:])

    @property
    def narrowest(self) -> int:
        """Cells below which too little of the words is left to tell them apart."""
        return 12 + self.right

    def draw(self, width: int) -> RenderResult:
        table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="dim")
        words = max(4, width - self.right)
        table.add_column(Text(self.header[0]), no_wrap=True)
        for name in self.header[1:]:
            table.add_column(Text(name), justify="right", no_wrap=True)
        for first, *others in self.rows:
            table.add_row(Text(figures.cut(first, words)), *map(Text, others))
        yield Text(f"\n{self.title}", style="bold")
        yield table

    def markdown(self) -> str:
        lines = [[_escape(cell.strip()) for cell in row] for row in (self.header, *self.rows)]
        lines.insert(1, ["---", *("--:" for _ in self.header[1:])])
        return f"## {self.title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _summary(report: Report) -> _Grid:
    """Ours and the baseline's figures by split; micro-F1 only where a row has several labels, else it is accuracy."""
    several = any(metrics.confusions is None for metrics in report.splits.values())
    shown = {metric: title for metric in METRICS if (title := metric.multi if several else metric.single)}

    def row(name: str, metrics: Metrics) -> list[str]:
        return [name, *(metric.written(metrics) for metric in shown)]

    rows = []
    for name, metrics in report.splits.items():
        rows.append(row(f"{name} ({metrics.rows:,} rows)", metrics))
        if isinstance(report.baseline, Baseline) and name in report.baseline.splits:
            rows.append(row("  linear baseline", report.baseline.splits[name]))
    return _Grid("Scores, %", ["", *shown.values()], rows)


def _labels(metrics: Metrics, split: str, most: int) -> _Grid:
    """Precision, recall and F1 of every label, or of the weakest few where there are more than `most`."""
    shown, title = metrics.per_label, f"Labels, % ({split})"
    if len(shown) > most:
        occurring = [label for label in shown if label.support]
        shown = tuple(sorted(occurring, key=lambda label: label.f1)[:SHOWN])
        title = f"The {len(shown)} weakest of {len(metrics.per_label)} labels, % ({split})"
    rows = []
    for label in shown:
        shares = (f"{100 * share:.1f}" for share in (label.precision, label.recall, label.f1))
        rows.append([_plain(label.label), *shares, f"{label.support:,}"])
    return _Grid(title, ["label", "precision", "recall", "F1", "rows"], rows)


def _matrix(metrics: Metrics) -> _Grid | None:
    """True label (rows) against predicted label (columns); None where there are too many labels."""
    if len(metrics.per_label) > MATRIX_LABELS or metrics.confusion is None:
        return None
    numbers = [str(number) for number in range(1, len(metrics.per_label) + 1)]
    rows = [
        [f"{number} {_plain(label.label)}", *(str(count) if count else "·" for count in counts)]
        for number, label, counts in zip(numbers, metrics.per_label, metrics.confusion.tolist(), strict=True)
    ]
    return _Grid("Confusion matrix: true label (rows), predicted label (columns)", ["label", *numbers], rows)


def _confusions(metrics: Metrics) -> Iterator[str]:
    """Mistakes, the most frequent first: "a → b 14 times"."""
    if metrics.confusions is None:
        return
    wrong = metrics.confusions[metrics.confusions[:, 0] != metrics.confusions[:, 1]]
    for true, given, count in wrong[np.argsort(-wrong[:, 2], kind="stable")].tolist():
        names = _plain(metrics.per_label[true].label), _plain(metrics.per_label[given].label)
        yield f"{names[0]} → {names[1]} {'once' if count == 1 else f'{count:,} times'}"


def _plain(text: str) -> str:
    return visible(" ".join(text.split()))


def _escape(text: str) -> str:
    for mark in "\\|`*_<[":
        text = text.replace(mark, "\\" + mark)
    return text
