"""What a data file comes down to: the entries that readers yield, and the rows made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from attnclf.data.rationales import Spans


class Record(NamedTuple):
    """One entry of the data before its columns are chosen; errors name its `location` ("line 17", "row 5")."""

    location: str
    values: Mapping[str, object]


class BadRow(NamedTuple):
    """An entry that cannot be learned from, and why. With `values` its text can still be predicted."""

    location: str
    reason: str
    values: Mapping[str, object] | None = None


Entry = Record | BadRow
BLANK = Record("", {})  # a blank line: no row of labelled data, and an empty text where each line has one answer


@dataclass(frozen=True, slots=True)
class Row:
    """One text with its labels (none, one or several) and how much it counts in training.

    `rationale` has the spans that a person marked as evidence, None where nobody did or nobody asked.
    """

    text: str
    labels: tuple[str, ...]
    location: str
    weight: float = 1.0
    rationale: Spans | None = None
