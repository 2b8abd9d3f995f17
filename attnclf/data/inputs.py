"""Texts without labels for prediction, one by one: constant memory, no numpy, and of a pipe no reading ahead."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from attnclf.data import cells, columns, formats
from attnclf.data.detect import check_format, standing, stdin
from attnclf.data.formats import FORMATS, DataFormat
from attnclf.data.read_options import ReadOptions
from attnclf.data.rows import BLANK, Entry, Record
from attnclf.data.source import Source, Unlabelled, quiet
from attnclf.data.streams import Damage, head_of, open_bytes, unzipped
from attnclf.errors import DataError

SAMPLE_RECORDS = 1000  # by which the column of the text is chosen, as in training
OPTIONS = ReadOptions()


@contextmanager
def open_input(argument: object, options: ReadOptions = OPTIONS) -> Iterator[Source]:
    """Open what one can train on, or plain lines: a file, a folder, a hub dataset, rows in memory, or "-" for stdin.

    The format is the one asked for, else that of the extension and the first bytes, else plain lines.
    """
    check_format(options.format)
    source = standing(argument, options.format)
    if source is not None:
        yield replace(source, split=options.split)
    elif argument == "-":
        kind = options.format or "lines"
        if not FORMATS[kind].from_pipe:
            raise DataError(f"{kind} cannot be read from a pipe", fix="name the file")
        yield Source(name="stdin", format=kind, stream=unzipped(stdin()))
    else:
        path = Path(str(argument))
        with open_bytes(path) as stream:
            kind = format_of(path.name, options.format, head_of(stream, path.name))
            yield Source(name=path.name, format=kind, stream=stream)


def format_of(name: str, asked: str | None = None, head: bytes = b"") -> str:
    """Format of a file: the one asked for, else by the extension of its name and its first bytes, else plain lines."""
    check_format(asked)
    return asked or formats.of_file(name, head) or "lines"


def texts(
    source: Source,
    options: ReadOptions = OPTIONS,
    *,
    damage: Damage | None = None,
    say: Callable[[str], None] = quiet,
) -> Iterator[str]:
    """Yield the text of each record as soon as it is there, "" for a blank one.

    Only the ending of a line is stripped. DataError names the line that is broken, or the columns if none is the text.
    `say` prints a note on a guess that may be wrong.
    """
    row = FORMATS[source.format]
    if options.feature_columns and not row.named_columns:
        raise DataError(
            f"the model reads the columns {columns.quoted(options.feature_columns)}, not {source.format}",
            fix="pass a file with such columns; for a pipe pass --input-format csv, tsv or jsonl",
        )
    if options.text_columns and not row.named_columns:
        raise DataError(
            f"{source.format} {'have' if source.format == 'lines' else 'has'} no columns",
            fix="leave --text-column out, or pass --input-format csv, tsv or jsonl",
        )
    asked = tuple(options.feature_columns or options.text_columns or ())
    source = replace(source, unlabelled=Unlabelled(asked=asked, damage=damage or Damage(), say=say))
    return row.texts(source) if row.texts else _texts(source, row, options)


class Reading(NamedTuple):
    """The columns that are read, and the text made of them; ValueError gives the reason if it cannot be made."""

    columns: tuple[str, ...]
    text: Callable[[Mapping[str, object]], str]


def _texts(source: Source, row: DataFormat, options: ReadOptions) -> Iterator[str]:
    unlabelled = source.unlabelled or Unlabelled()
    reading = None if row.named_columns else _reading(["text"], ["text"], options)
    if row.text_columns is not None:
        reading = _reading(*row.text_columns(source), options)
        source = replace(source, columns=reading.columns)
    entries = row.read(source)
    if reading is None and not source.live:
        opening, sample = sampled(entries, SAMPLE_RECORDS)
        entries = chain(opening, entries)
        reading = _chosen(sample, row, options) if sample else None
        del opening, sample  # texts may be long
    ragged = row.ragged
    for entry in entries:
        if entry is BLANK:
            yield ""
            continue
        values = entry.values
        if values is None:
            raise _broken(entry)
        if reading is None:
            reading = _chosen([values], row, options)
        try:
            if ragged:
                _check_columns(values, reading, unlabelled)
            text = reading.text(values)
        except ValueError as error:
            raise _broken(entry, str(error)) from None
        yield text if text.isascii() else encodable(text, unlabelled.damage)


def sampled(entries: Iterator[Entry], count: int) -> tuple[list[Entry], list[Mapping[str, object]]]:
    """Return the first entries, as far as there is a record among them, and the values of their records."""
    opening: list[Entry] = []
    sample: list[Mapping[str, object]] = []
    while not sample:
        more = [entry for _, entry in zip(range(count), entries, strict=False)]
        if not more:
            break
        opening += more
        sample = [entry.values for entry in more if isinstance(entry, Record) and entry is not BLANK]
    return opening, sample


def _chosen(sample: Sequence[Mapping[str, object]], row: DataFormat, options: ReadOptions) -> Reading:
    names = list(dict.fromkeys(name for values in sample for name in values))
    strings = [name for name in names if columns.may_hold_text(name, sample)]
    return _reading(names, strings, options, sample)


def _reading(
    names: Sequence[str], strings: Sequence[str], options: ReadOptions, sample: columns.Sample = ()
) -> Reading:
    """How to read records with columns of these names, of which some may hold strings."""
    if options.feature_columns:
        found = columns.feature_columns_of(options.feature_columns, names, options.text_columns)
        return Reading(tuple(found.values()), lambda values: cells.numbers_of(values, found))
    chosen = columns.text_columns(names, strings, options.text_columns, sample)
    return Reading(chosen, lambda values: cells.text_of(values, chosen))


def _check_columns(values: Mapping[str, object], reading: Reading, unlabelled: Unlabelled) -> None:
    """Raise ValueError for a record without the text, or with a column called text when another was taken for it."""
    if not any(column in values for column in reading.columns):
        raise ValueError(f"there is no {columns.quoted(reading.columns)}")
    for name in () if unlabelled.asked else values:
        if columns.called_text(name) and name not in reading.columns:
            raise ValueError(f"there is a column '{name}' here, and {columns.quoted(reading.columns)} was read so far")


def _broken(entry: Entry, why: str = "") -> DataError:
    """Return the error that names the line."""
    return DataError(f"{entry.location}: {why or getattr(entry, 'reason', '')}", fix="repair or remove it")


def encodable(text: str, damage: Damage) -> str:
    """The text with U+FFFD for halves of characters, which JSON can write and UTF-8 cannot, and for broken bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        damage.lines += any("\udc80" <= character <= "\udcff" for character in text)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
