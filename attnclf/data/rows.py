"""What a data file comes down to: raw records, and the rows or bad rows made of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from attnclf.data.rationales import Spans


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a file before its columns are chosen; `location` is what an error names ("line 17", "row 5")."""

    location: str
    values: Mapping[str, object]


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


@dataclass(frozen=True, slots=True)
class BadRow:
    """An entry that cannot be learned from, and why."""

    location: str
    reason: str
