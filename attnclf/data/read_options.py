"""How data is to be read, where detection should not decide: one value for every command and every reader."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """Choices for reading data. A column is named, or given by its position, counted from 1.

    With `feature_columns` the text of a row is made of those numeric columns: "age=34, income=52000". Rationales are
    read from `rationale_column`, or with `rationales` from a column that has their name and holds lists. `split` is a
    split of a hub dataset. Labelled texts of more than `large_bytes`, uncompressed, stay on disk.
    """

    format: str | None = None
    text_columns: Sequence[str] | None = None
    feature_columns: Sequence[str] = ()
    label_column: str | None = None
    label_separator: str | None = None
    weight_column: str | None = None
    rationale_column: str | None = None
    rationales: bool = False
    on_bad_row: Literal["error", "skip"] = "error"
    split: str | None = None
    large_bytes: int = 512 * 2**20
