"""A DATA argument → texts with their labels: find the source, choose the columns, keep the good rows, name the bad."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TypeVar, cast

import numpy as np

from attnclf.data import cells, columns
from attnclf.data.detect import detect
from attnclf.data.formats import FORMATS
from attnclf.data.inputs import SAMPLE_RECORDS, sampled
from attnclf.data.rationales import Spans
from attnclf.data.read_options import ReadOptions
from attnclf.data.rows import BLANK, BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.data.spill import Column, spill
from attnclf.data.streams import DAMAGE
from attnclf.errors import DataError

T = TypeVar("T")

WRITTEN_LIST = re.compile(r"""\[(['"].*['"]|[\d\s,.]*)\]""", re.DOTALL)
NAMED_BAD_ROWS, SHOWN_BAD_ROWS = 3, 5  # in an error, in warnings
READ_OPTIONS = ReadOptions()


@dataclass(frozen=True)
class Corpus:
    """Texts and their labels, row by row in file order; `weights` is (rows,) float32 or None where all are equal.

    `rationales` has for each row the spans that a person marked as evidence, or None; it is None itself where no column
    of them was read.
    """

    texts: Sequence[str]
    label_lists: Sequence[tuple[str, ...]]
    weights: np.ndarray | None
    locations: Sequence[str]
    multi_label: bool
    bad: tuple[BadRow, ...]
    description: str
    rationales: Sequence[Spans | None] | None = None

    def __len__(self) -> int:
        return len(self.label_lists)

    def warnings(self) -> list[str]:
        """One line for each of the first bad rows that were left out, and one with the number of the others."""
        lines = [f"Warning: left out {row.location}: {row.reason}" for row in self.bad[:SHOWN_BAD_ROWS]]
        more = len(self.bad) - SHOWN_BAD_ROWS
        return [*lines, f"Warning: left out {more:,} more"] if more > 0 else lines

    def subset(self, indices: np.ndarray | Sequence[int]) -> "Corpus":
        """The rows at these indices; bad rows stay with the whole."""
        chosen = np.asarray(indices, dtype=np.int64)
        return replace(
            self,
            texts=pick(self.texts, chosen),
            label_lists=pick(self.label_lists, chosen),
            weights=None if self.weights is None else self.weights[chosen],
            locations=pick(self.locations, chosen),
            bad=(),
            rationales=None if self.rationales is None else pick(self.rationales, chosen),
        )


@dataclass(slots=True)
class Tally:
    """What is kept of the rows in memory while the texts pass by."""

    label_lists: list[tuple[str, ...]] = field(default_factory=list)
    weights: "array[float]" = field(default_factory=lambda: array("f"))
    rationales: list[Spans | None] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    lists: bool = False


def read(argument: object, options: ReadOptions = READ_OPTIONS) -> Corpus:
    """Read labelled rows from a file, a folder, `hf:name`, `-` or an object in memory.

    The corpus is multi-label if a label cell holds a list, if `label_separator` is given, or if a fastText line has
    no label or several. Bad rows raise one DataError, or with `on_bad_row="skip"` are left out and returned in
    `Corpus.bad`.
    """
    split, label_separator = options.split, options.label_separator
    if label_separator == "":
        raise DataError("--label-separator is empty", fix="pass what stands between two labels, such as ,")
    source = replace(detect(argument, format=options.format), split=split)
    if split is not None and source.format != "hub":
        raise DataError(f"{source.name} has no splits", fix="name the file of the split")
    row = FORMATS[source.format]
    if not row.labelled:
        raise DataError(
            f"{source.name} is plain text without labels",
            fix="if it is csv, tsv or jsonl, name it with --input-format; fastText lines start with __label__",
        )
    try:
        entries = (entry for entry in row.read(source) if entry is not BLANK)
        opening, sample = sampled(entries, SAMPLE_RECORDS)
        if not sample:
            raise nothing_usable([entry for entry in opening if isinstance(entry, BadRow)])
        names = tuple(dict.fromkeys(name for values in sample for name in values))
        chosen = columns.choose(names, sample, options)
        if label_separator is None:
            refuse_written_lists(chosen.labels, sample)
        tally = Tally()
        rows = kept(chain(opening, entries), chosen, label_separator, tally)
        texts: Sequence[str]
        locations: Sequence[str]
        if row.size(source) > options.large_bytes:
            texts, locations = spill(rows)
        else:
            texts, locations = in_memory(rows)
        if tally.bad and (options.on_bad_row == "error" or not tally.label_lists):
            raise unusable(tally.bad, good=len(tally.label_lists))
    except DataError as error:
        raise DataError(f"{source.name}: {error.problem}", error.fix) from error
    except DAMAGE as error:
        raise DataError(f"{source.name}: the file is damaged: {error}", fix="compress or copy it again") from error
    several = any(len(labels) != 1 for labels in tally.label_lists)
    multi_label = several if source.format == "fasttext" else tally.lists or label_separator is not None
    return Corpus(
        texts=texts,
        label_lists=tally.label_lists,
        weights=None if chosen.weight is None else np.array(tally.weights, dtype=np.float32),
        locations=locations,
        multi_label=multi_label,
        bad=tuple(tally.bad),
        description=describe(source, chosen, tally, multi_label),
        rationales=None if chosen.rationale is None else tally.rationales,
    )


def refuse_written_lists(column: str, sample: columns.Sample) -> None:
    """Raise DataError for lists written as text, "['a', 'b']": each would pass for one label of its own."""
    written = [str(values[column]).strip() for values in sample if isinstance(values.get(column), str)]
    if written and all(map(WRITTEN_LIST.fullmatch, written)):
        raise DataError(
            f"column '{column}' holds lists written as text, such as {max(written[:20], key=len)}",
            fix="save the data as jsonl, or write the labels as a|b and pass --label-separator '|'",
        )


def kept(
    entries: Iterator[Entry], chosen: columns.Columns, separator: str | None, tally: Tally
) -> Iterator[tuple[str, str]]:
    """Pass on (text, location) of the good rows; labels, weights, rationales and bad rows go to the tally."""
    shared: dict[tuple[str, ...], tuple[str, ...]] = {}
    for entry in entries:
        row = cells.row(entry, chosen, separator) if isinstance(entry, Record) else entry
        if isinstance(row, BadRow):
            tally.bad.append(row)
            continue
        if not tally.lists and isinstance(entry, Record):
            tally.lists = isinstance(entry.values.get(chosen.labels), list | tuple)
        tally.label_lists.append(shared.setdefault(row.labels, row.labels))
        if chosen.weight is not None:
            tally.weights.append(row.weight)
        if chosen.rationale is not None:
            tally.rationales.append(row.rationale)
        yield row.text, row.location


def in_memory(rows: Iterator[tuple[str, str]]) -> tuple[list[str], list[str]]:
    """Keep texts and locations as two lists."""
    texts: list[str] = []
    locations: list[str] = []
    for text, location in rows:
        texts.append(text)
        locations.append(location)
    return texts, locations


def pick(items: Sequence[T], indices: np.ndarray) -> Sequence[T]:
    """Items at these indices, left on disk if that is where they are."""
    if isinstance(items, Column):
        return cast("Sequence[T]", items.pick(indices))
    return [items[index] for index in indices.tolist()]


def describe(source: Source, chosen: columns.Columns, tally: Tally, multi_label: bool) -> str:
    """Return in one line what was read and how the columns were understood."""
    labels = len({label for labels in set(tally.label_lists) for label in labels})
    parts = [f"{source.name}: {source.format}", plural(len(tally.label_lists), "row")]
    if FORMATS[source.format].named_columns:
        read, role = (list(chosen.features), "features") if chosen.features else (chosen.text, "text")
        parts.append(f"{role} = {columns.quoted(read).replace(', ', ' + ')}")
        parts.append(f"label = '{chosen.labels}'" + (" (chosen by content)" if chosen.why == "by content" else ""))
    if chosen.weight is not None:
        parts.append(f"weight = '{chosen.weight}'")
    if chosen.rationale is not None:
        marked = sum(bool(spans) for spans in tally.rationales)
        parts.append(f"rationale = '{chosen.rationale}' (evidence in {plural(marked, 'row')})")
    parts.append(plural(labels, "label") + (", multi-label" if multi_label else ""))
    if tally.bad:
        parts.append(f"{plural(len(tally.bad), 'bad row')} left out")
    return ", ".join(parts)


def nothing_usable(bad: Sequence[BadRow]) -> DataError:
    """Return the error for data without a row that can be read."""
    return unusable(bad, good=0) if bad else DataError("there are no rows", fix="check that this is the right file")


def unusable(bad: Sequence[BadRow], *, good: int) -> DataError:
    """Return the error that counts the bad rows, names the first few and gives the remedy."""
    named = ", ".join(f"{row.location} ({row.reason})" for row in bad[:NAMED_BAD_ROWS])
    more = len(bad) - NAMED_BAD_ROWS
    reasons = Counter(row.reason for row in bad)
    remedies = ["fix them"]
    if reasons["invalid UTF-8"]:
        remedies.append("convert the file (iconv -f ENCODING -t UTF-8)")
    if good:
        remedies.append("leave them out with --on-bad-row skip")
    return DataError(
        f"{len(bad):,} of {len(bad) + good:,} rows cannot be used: {named}"
        + (f" and {more:,} more" if more > 0 else ""),
        fix=" or ".join(remedies),
    )


def plural(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
