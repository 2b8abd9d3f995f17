"""What the parts have in common: where data and work lie, and how much is to be measured."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from benchmarks.splits import split_of

# Options of the commands.
Data = Annotated[
    Path, typer.Option(envvar="ATTNCLF_DATA", help="A folder with a folder of .jsonl files for each dataset.")
]
Model = Annotated[Path | None, typer.Option(help="Measure this model instead of training one.")]
Work = Annotated[Path, typer.Option(help="Keeps models and generated texts.")]
Out = Annotated[Path, typer.Option(help="The page whose sections are replaced.")]
DATA, WORK, OUT = Path("../shared/data"), Path("benchmarks/work"), Path("benchmarks/RESULTS.md")


class NotHereError(Exception):
    """A part cannot run here; the message gives the reason and the remedy."""


class Row(NamedTuple):
    """A labelled text."""

    text: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """`rounds` and `rows` replace a part's own, for a quick look; `model` replaces the model that it would train."""

    data: Path
    work: Path
    rounds: int | None = None
    rows: int | None = None
    model: Path | None = None

    def split(self, dataset: str, name: str) -> Path:
        """Return the file of a split of a dataset. Raises NotHereError if it is missing."""
        path = split_of(self.data / dataset, name)
        if path is None:
            raise NotHereError(
                f"{self.data / dataset} has no {name}.jsonl; pass --data FOLDER with rows like "
                '{"text": …, "label": …}, or set ATTNCLF_DATA'
            )
        return path

    def has(self, dataset: str, name: str) -> bool:
        """Return whether a dataset has this split."""
        return split_of(self.data / dataset, name) is not None

    def read(self, dataset: str, name: str) -> list[Row]:
        """Return the rows of a split."""
        return list(_rows(self.split(dataset, name)))


def _rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield Row(" ".join(row["text"].split()), str(row["label"]))
