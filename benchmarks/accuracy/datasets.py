"""The datasets: rows to learn from, rows to choose by, and test rows, the same for every contender."""

import gzip
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from attnclf.data.labels import LabelSet
from attnclf.data.splits import stratified
from benchmarks.splits import split_of

NAMES = (
    "trec", "trec50", "sst2", "sst5", "mr", "mpqa", "banking77", "clinc150", "sms_spam", "ag_news_10k", "imdb",
    "thucnews_45k", "chnsenticorp", "romip2012_news", "cedr", "goemotions", "hatexplain", "movie_rationales",
)  # fmt: skip
HELD = 0.1  # of the training rows, to choose by, where no validation rows are given


class Rows(NamedTuple):
    """Texts, and the labels of each: int64 (rows,), -1 for one that training never saw, or 0 and 1 (rows, labels)."""

    texts: Sequence[str]
    targets: NDArray[np.int64]

    def subset(self, rows: NDArray[np.int64]) -> "Rows":
        """Return some of the rows."""
        return Rows([self.texts[row] for row in rows.tolist()], self.targets[rows])


class Parts(NamedTuple):
    """Rows to learn from while choosing, rows to choose by, and the rows to learn from once it is chosen."""

    train: Rows
    valid: Rows
    final: Rows


@dataclass(frozen=True)
class Dataset:
    """A folder with train, test and perhaps valid and test_unseen, as .jsonl or .jsonl.gz."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's."""
        return self.folder.name

    def file(self, split: str) -> Path | None:
        """Return the file of a split, if there is one."""
        return split_of(self.folder, split)

    @cached_property
    def labels(self) -> LabelSet:
        """The labels of the training rows."""
        names = self._read("train")[1]
        return LabelSet.from_lists(names, multi_label=self.multi_label)

    @cached_property
    def multi_label(self) -> bool:
        """Whether a row has a list of labels."""
        return "labels" in self._raw("train")[0]

    @property
    def tests(self) -> list[str]:
        """The splits that are scored."""
        return [split for split in ("test", "test_unseen") if self.file(split)]

    def rows(self, split: str) -> Rows:
        """Return the rows of a split."""
        texts, names = self._read(split)
        return Rows(texts, self.labels.encode(names).astype(np.int64))

    def parts(self) -> Parts:
        """Part validation rows from the training rows where the dataset has none.

        Then a contender that has chosen may learn from those as well, as a person would have it do.
        """
        rows = self.rows("train")
        if self.file("valid"):
            return Parts(rows, self.rows("valid"), rows)
        kept, held = stratified(rows.targets, rows.texts, fraction=HELD, seed=0)
        return Parts(rows.subset(kept), rows.subset(held), rows)

    def _read(self, split: str) -> tuple[list[str], list[tuple[str, ...]]]:
        rows = self._raw(split)
        texts = [" ".join(row["text"].split()) for row in rows]
        return texts, [tuple(map(str, row["labels"] if self.multi_label else [row["label"]])) for row in rows]

    def _raw(self, split: str) -> list[dict]:  # type: ignore[type-arg]
        path = self.file(split)
        assert path is not None, f"{self.folder} has no {split}.jsonl"
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]
