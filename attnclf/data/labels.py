"""The labels of a task, in a fixed order, and their numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from attnclf.errors import DataError

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
DIGITS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Label names; the number of a label is its index."""

    names: tuple[str, ...]
    multi_label: bool
    index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", {name: number for number, name in enumerate(self.names)})

    def __len__(self) -> int:
        return len(self.names)

    @classmethod
    def from_lists(cls, label_lists: Sequence[tuple[str, ...]], *, multi_label: bool) -> "LabelSet":
        """Every label that occurs, in natural order: 2 before 10, "grade 2" before "grade 10"."""
        names = {name for labels in set(label_lists) for name in labels}
        return cls(tuple(sorted(names, key=natural)), multi_label)

    def widened(self, label_lists: Sequence[tuple[str, ...]]) -> "LabelSet":
        """These labels and, behind them, those of the rows that are not among them."""
        unseen = [tuple(set(labels) - self.index.keys()) for labels in label_lists]
        more = LabelSet.from_lists(unseen, multi_label=self.multi_label)
        return LabelSet(self.names + more.names, self.multi_label)

    def encode(self, label_lists: Sequence[tuple[str, ...]]) -> np.ndarray:
        """Numbers (rows,) int64 for one label a row, else marks of 0 and 1 (rows, labels) float32.

        A label outside the set becomes -1, or no mark. DataError if a single-label task meets none or several.
        """
        if self.multi_label:
            marks = np.zeros((len(label_lists), len(self.names)), dtype=np.float32)
            for row, labels in enumerate(label_lists):
                for name in labels:
                    if name in self.index:
                        marks[row, self.index[name]] = 1.0
            return marks
        odd = next((labels for labels in label_lists if len(labels) != 1), None)
        if odd is not None:
            raise DataError(
                f"a row has {len(odd)} labels, but this task has one label a row",
                fix="use data of the same kind as in training",
            )
        numbers = (self.index.get(labels[0], -1) for labels in label_lists)
        return np.fromiter(numbers, dtype=np.int64, count=len(label_lists))

    def decode(self, encoded: np.ndarray) -> list[tuple[str, ...]]:
        """Label lists of what `encode` returned; -1 becomes the empty list."""
        if self.multi_label:
            return [tuple(self.names[number] for number in np.flatnonzero(marks)) for marks in encoded]
        return [(self.names[number],) if number >= 0 else () for number in encoded.tolist()]


def marked(sequences: np.ndarray, labels: int) -> np.ndarray:
    """Marks (rows, labels), True for the labels that a row's sequence (rows, steps) names; -1 names none."""
    marks = np.zeros((len(sequences), labels + 1), dtype=bool)
    np.put_along_axis(marks, sequences, True, axis=1)  # -1 is the last column
    return marks[:, :labels]


def natural(name: str) -> tuple[int, float, list[str | int], str]:
    """Sort key: numbers first and by value, then words, with the numbers in them by value."""
    if NUMBER.fullmatch(name):
        return 0, float(name), [], name
    parts: list[str | int] = [int(part) if odd else part for part, odd in alternate(name)]
    return 1, 0.0, parts, name


def alternate(name: str) -> list[tuple[str, bool]]:
    """Parts of a name, in turn text (perhaps empty) and digits, so that like is compared with like."""
    return [(part, position % 2 == 1) for position, part in enumerate(DIGITS.split(name))]
