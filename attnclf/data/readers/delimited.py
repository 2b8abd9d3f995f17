"""csv and tsv files → records."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from attnclf.data.columns import known
from attnclf.data.delimiters import DELIMITERS, QUOTED, Quoting, sniff, without_name
from attnclf.data.rows import BadRow, Record
from attnclf.data.source import Source
from attnclf.data.streams import lines, open_bytes
from attnclf.errors import DataError

SAMPLE_RECORDS = 1000
LONGEST_NAME = 100  # characters; a longer first cell is a text, not the name of a column


def records(source: Source) -> Iterator[Record | BadRow]:
    """Read one record a row; without a header line the columns are called "1", "2", and so on.

    Blank lines are no rows. A wrong number of columns, a quote that never closes, and a repeated header line are bad
    rows.
    """
    with open_bytes(source.path) as stream:
        sample = list(islice(lines(stream), SAMPLE_RECORDS))
    delimiter, quoting = sniff(sample, "\t" if source.format == "tsv" else DELIMITERS)
    with open_bytes(source.path) as stream:
        entries = (entry for entry in numbered(lines(stream), delimiter, quoting) if entry[1])
        opening = list(islice(entries, SAMPLE_RECORDS))
        fields = [entry for _, entry in opening if not isinstance(entry, str)]
        if not fields:
            first: list[str] | None = None
            columns: tuple[str, ...] = ()
        elif has_header(fields[0], fields[1:]):
            first, columns = fields[0], names(fields[0])
        else:
            first, columns = None, positions(len(fields[0]))
        header_seen = False
        for place, entry in chain(opening, entries):
            if isinstance(entry, str):
                yield BadRow(place, entry)
            elif entry == first:
                if header_seen:
                    yield BadRow(place, "the header line again")
                header_seen = True
            elif len(entry) != len(columns):
                yield BadRow(place, f"{counted(len(entry))} instead of {len(columns)}")
            else:
                yield Record(place, dict(zip(columns, entry, strict=True)))


def numbered(lines: Iterable[str], delimiter: str, quoting: Quoting = QUOTED) -> Iterator[tuple[str, list[str] | str]]:
    """Each record with the place of its first line, no fields for a blank one; a string says why they cannot be had."""
    reader = csv.reader(without_name(lines), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            span = f"lines {start} to {reader.line_num}" if reader.line_num > start else f"line {start}"
            yield span, trouble(str(error))
            continue
        yield f"line {start}", fields


def trouble(message: str) -> str:
    """Say what a message of the csv module means for the file."""
    if "unexpected end" in message:
        return "a quote that is never closed"
    if "new-line character" in message:
        return "a line ends with a carriage return alone, as on old Macintoshes: save the file as CSV UTF-8"
    return f"broken quoting: {message}"


def has_header(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first record names the columns.

    It does if a cell is a usual name of a text or label column; it does not if a cell recurs further down its column,
    is a number above numbers, or is as long as a text.
    """
    if any(known(cell) for cell in first):
        return True
    below = [[row[index] for row in rest if len(row) == len(first)] for index in range(len(first))]
    return not any(looks_like_data(cell, column) for cell, column in zip(first, below, strict=True))


def looks_like_data(cell: str, column: Sequence[str]) -> bool:
    """Whether a first cell is of one kind with those below it."""
    recurs = bool(cell.strip()) and cell in column
    return recurs or len(cell) > LONGEST_NAME or (bool(column) and all(map(is_number, (cell, *column))))


def is_number(cell: str) -> bool:
    """Whether a cell reads as a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def names(header: Sequence[str]) -> tuple[str, ...]:
    """Column names, stripped; a column without a name is called by its position. DataError if two are alike."""
    stripped = tuple(cell.strip() or str(index) for index, cell in enumerate(header, 1))
    twice = next((name for name in stripped if stripped.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"two columns are called '{twice}'", fix="rename one in the header line")
    return stripped


def positions(count: int) -> tuple[str, ...]:
    """Names of the columns of a file without a header line."""
    return tuple(str(index) for index in range(1, count + 1))


def counted(columns: int) -> str:
    """Write a number of columns."""
    return "1 column" if columns == 1 else f"{columns} columns"
