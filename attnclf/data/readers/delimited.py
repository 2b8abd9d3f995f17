"""csv and tsv files → records."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice

from attnclf.data.columns import known
from attnclf.data.delimiters import DELIMITERS, QUOTED, Quoting, evenness, sniff, without_name
from attnclf.data.header import has_header, names, positions
from attnclf.data.rows import BLANK, BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.errors import DataError

SAMPLE_RECORDS = 1000


def records(source: Source) -> Iterator[Entry]:
    """Read one record a row; without a header line the columns are called "1", "2", and so on.

    A wrong number of columns, a quote that never closes, and a repeated header line are bad rows. The first thousand
    lines decide on the delimiter and the header; of a pipe the first line that is not blank does.
    """
    numbered_fields = _split(source)
    limit = 1 if source.live else SAMPLE_RECORDS
    opening = list(islice(numbered_fields, limit))
    while opening and not any(map(_is_filled, opening)) and (more := list(islice(numbered_fields, limit))):
        opening += more
    rows = [fields for _, fields in filter(_is_filled, opening) if not isinstance(fields, str)]
    header, columns = _header(source, opening, rows) if rows else (None, ())
    width, begun = len(columns), False
    entries = chain(opening, numbered_fields)
    del opening, rows  # texts may be long
    for location, fields in entries:
        if isinstance(fields, str):
            yield BadRow(location, fields)
        elif not begun:
            begun = any(map(str.strip, fields))
            if begun and header is None:
                yield Record(location, dict(zip(columns, fields, strict=True)))
        elif len(fields) == width:
            values = dict(zip(columns, fields))  # noqa: B905 (they are equally long, and there are many)
            yield BadRow(location, "the header line again", values) if fields == header else Record(location, values)
        else:
            yield BadRow(location, f"{counted(len(fields))} instead of {width}") if fields else BLANK


def _split(source: Source) -> Iterator[tuple[str, list[str] | str]]:
    """Yield each record with the location of its first line; a string says why the fields cannot be had."""
    delimiters = "\t" if source.format == "tsv" else DELIMITERS
    if source.live:
        lines, sample = _from_first_filled(source.lines())
    else:
        lines, sample = source.lines(), source.first_lines(SAMPLE_RECORDS)
    delimiter, quoting = sniff(sample, delimiters)
    if source.format == "tsv" and source.unlabelled and not _spans_lines(sample):
        return ((f"line {number}", tab_fields(line)) for number, line in enumerate(lines, 1))
    return numbered(lines, delimiter, QUOTED if source.live else quoting)


def _from_first_filled(lines: Iterator[str]) -> tuple[Iterator[str], list[str]]:
    """Return all the lines, and the first one that is not blank."""
    opening: list[str] = []
    for line in lines:
        opening.append(line)
        if not line.isspace():
            break
    return chain(opening, lines), opening[-1:]


def _spans_lines(sample: Sequence[str]) -> bool:
    """Whether quoted fields with line breaks in them are the only way to read these lines as a table."""
    widths = {len(fields) for fields in map(tab_fields, sample) if fields}
    return len(widths) > 1 and evenness(sample, "\t", QUOTED) == 1


def _is_filled(entry: tuple[str, list[str] | str]) -> bool:
    return isinstance(entry[1], str) or any(map(str.strip, entry[1]))


def _header(
    source: Source, opening: Sequence[tuple[str, list[str] | str]], rows: Sequence[list[str]]
) -> tuple[list[str] | None, tuple[str, ...]]:
    """Return the header line, None if there is none, and the names of the columns."""
    first, unlabelled = rows[0], source.unlabelled
    asked = unlabelled.asked if unlabelled else ()
    if not has_header(first, rows[1:], asked):
        return None, positions(len(first))
    if unlabelled and not any(map(known, first)):
        if "\ufffd" in "".join(first) and not set(first).intersection(asked):
            raise DataError("the header is not valid UTF-8", fix="convert it: iconv -f ENCODING -t UTF-8 OLD > NEW")
        if not asked:
            location = next(location for location, fields in opening if fields is first)
            unlabelled.say(f"Note: {location} is taken for the header; if it is a text, pass --text-column 1")
    return first, names(first)


def numbered(lines: Iterable[str], delimiter: str, quoting: Quoting = QUOTED) -> Iterator[tuple[str, list[str] | str]]:
    """Each record with the location of its first line, no fields for a blank one; a string names the fault."""
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


def tab_fields(line: str) -> list[str]:
    """Fields of a line with tabs, none of a blank line; quotes count only where they are well formed within it."""
    line = line.removesuffix("\n").removesuffix("\r") if line.endswith("\n") else line
    if not line or line.isspace():
        return []
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter="\t", strict=True))
        except csv.Error:
            pass
    return line.split("\t")


def trouble(message: str) -> str:
    """Say what a message of the csv module means for the file."""
    if "unexpected end" in message:
        return "a quote that is never closed"
    if "new-line character" in message:
        return "a line ends with a carriage return alone, as on old Macintoshes: save the file as CSV UTF-8"
    return f"broken quoting: {message}"


def counted(columns: int) -> str:
    """Write a number of columns."""
    return "1 column" if columns == 1 else f"{columns} columns"
