"""Unlabelled texts for prediction, one by one as they arrive: constant memory, no reading ahead, no numpy."""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, get_args

from attnclf.data import cells, columns, delimiters
from attnclf.data.readers import delimited, fasttext, jsonlines, tables
from attnclf.data.source import EXTENSIONS, extension_of, missing, present
from attnclf.data.streams import DAMAGE, open_bytes, unzipped, without_mark
from attnclf.errors import DataError

InputFormat = Literal["lines", "jsonl", "csv", "tsv", "fasttext", "parquet"]
INPUT_FORMATS: tuple[InputFormat, ...] = get_args(InputFormat)
NAMED_COLUMNS = ("jsonl", "csv", "tsv", "parquet")  # formats whose columns have names


@dataclass(slots=True)
class Damage:
    """How many lines so far were not valid UTF-8 and were read with U+FFFD in place of the broken bytes."""

    lines: int = 0


def texts(
    stream: BinaryIO,
    *,
    format: InputFormat,
    text_columns: Sequence[str] | None = None,
    feature_columns: Sequence[str] = (),
    damage: Damage | None = None,
    say: Callable[[str], None] = lambda note: None,
) -> Iterator[str]:
    """Yield the text of each record as soon as its line is there, "" for a blank one.

    Of a line only its ending is stripped. With `feature_columns` the text is made of those numeric columns. DataError
    names the line that is broken, or the columns if none is the text. Parquet needs a stream that can seek. `say` is
    told of a guess that may be wrong.
    """
    if feature_columns and format not in NAMED_COLUMNS:
        raise DataError(
            f"the model reads the columns {columns.quoted(feature_columns)}, not {format}",
            fix="pass a file with such columns; for a pipe say --input-format csv, tsv or jsonl",
        )
    wanted = Wanted(text_columns, feature_columns, say)
    if text_columns and format not in NAMED_COLUMNS:
        raise DataError(
            f"{format} have no columns" if format == "lines" else f"{format} has no columns",
            fix="leave --text-column out, or pass --input-format csv, tsv or jsonl",
        )
    if format == "parquet":
        return from_parquet(stream, wanted)
    return READERS[format](decoded(stream, damage or Damage()), wanted)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What makes the text of a record: the text columns asked for, or numeric columns; `say` is told of a guess."""

    text: Sequence[str] | None
    features: Sequence[str]
    say: Callable[[str], None]

    @property
    def named(self) -> Sequence[str]:
        """Every column that was asked for."""
        return self.features or self.text or ()

    def among(self, names: Sequence[str], strings: Sequence[str]) -> "Reading":
        """How to read records with columns of these names, of which some may hold strings."""
        if self.features:
            found = columns.feature_columns_of(self.features, names, self.text)
            return Reading(tuple(found.values()), lambda values: cells.numbers_of(values, found))
        chosen = text_columns(names, strings, self.text)
        return Reading(chosen, lambda values: cells.text_of(values, chosen))


class Reading(NamedTuple):
    """The columns that are read, and the text made of them; ValueError says why that cannot be done."""

    columns: tuple[str, ...]
    text: Callable[[Mapping[str, object]], str]


@contextmanager
def open_input(
    argument: str,
    *,
    format: str | None = None,
) -> Iterator[tuple[BinaryIO, InputFormat]]:
    """Open a file, or stdin for "-", with its format: the one asked for, else by extension, else plain lines."""
    if argument == "-":
        kind = format_of("", format)
        if sys.stdin is None:
            raise DataError("stdin is closed", fix="pipe texts into it, or name a file")
        if kind == "parquet":
            raise DataError("parquet cannot be read from a pipe", fix="name the file")
        yield unzipped(sys.stdin.buffer), kind
        return
    path = Path(argument)
    if not present(path):
        raise missing(path)
    if path.is_dir():
        raise DataError(f"{argument} is a folder", fix="name a file in it")
    kind = format_of(path.name, format)
    with open_bytes(path) as stream:
        yield stream, kind


def format_of(name: str, asked: str | None = None) -> InputFormat:
    """Format of a file: the one asked for, else by the extension of its name, else plain lines."""
    by_name = EXTENSIONS.get(extension_of(Path(name)), "lines")
    wanted = asked or ("jsonl" if by_name == "json" else by_name)
    known = next((kind for kind in INPUT_FORMATS if kind == wanted), None)
    if known is None:
        raise DataError(f"{wanted} cannot be read line by line", fix=f"use one of: {', '.join(INPUT_FORMATS)}")
    return known


def decoded(stream: BinaryIO, damage: Damage) -> Iterator[str]:
    """Lines of text, with their endings."""
    try:
        first = without_mark(stream.readline())
        for line in chain([first] if first else [], stream):
            try:
                yield line.decode()
            except UnicodeDecodeError:
                damage.lines += 1
                yield line.decode("utf-8", "replace")
    except DAMAGE as error:
        raise DataError(f"the file is damaged: {error}", fix="compress or copy it again") from error


def from_lines(lines: Iterator[str], _: Wanted) -> Iterator[str]:
    """Every line is a text."""
    return map(unended, lines)


def from_fasttext(lines: Iterator[str], _: Wanted) -> Iterator[str]:
    """Every line is a text, after the labels it may start with."""
    for line in lines:
        yield fasttext.split(unended(line))[1]


def from_jsonl(lines: Iterator[str], wanted: Wanted) -> Iterator[str]:
    """Every line is an object; its text is in the columns asked for, else in one with a known name."""
    reading: Reading | None = None
    for number, line in enumerate(lines, 1):
        if line.isspace():
            yield ""
            continue
        if reading is None and line.lstrip().startswith("["):
            raise DataError(
                "this is a JSON array, and one object a line (jsonl) is wanted",
                fix="convert it: jq -c '.[]' OLD > NEW.jsonl, or of strings jq -c '.[] | {text: .}' OLD > NEW.jsonl",
            )
        try:
            values = jsonlines.parse(line)
            if reading is None:
                strings = [name for name, value in values.items() if may_hold_text(name, value)]
                reading = wanted.among(tuple(values), strings)
            if not any(column in values for column in reading.columns):
                raise ValueError(f"there is no {columns.quoted(reading.columns)}")
            if not wanted.named:
                refuse_late_text(values, reading)
            text = reading.text(values)
        except ValueError as error:
            raise broken(f"line {number}", str(error)) from None
        yield encodable(text)


def from_csv(lines: Iterator[str], wanted: Wanted) -> Iterator[str]:
    """Every record is a row under a header line, which also tells the delimiter; a quoted field may span lines."""
    opening: list[str] = []
    for line in lines:
        opening.append(line)
        if not line.isspace():
            break
    delimiter, _ = delimiters.sniff(opening[-1:])
    return from_rows(delimited.numbered(chain(opening, lines), delimiter), wanted)


def from_tsv(lines: Iterator[str], wanted: Wanted) -> Iterator[str]:
    """Every line is a row under a header line; quotes count only where they are well formed within the line."""
    return from_rows(((f"line {number}", tab_fields(unended(line))) for number, line in enumerate(lines, 1)), wanted)


def from_rows(rows: Iterator[tuple[str, list[str] | str]], wanted: Wanted) -> Iterator[str]:
    """Texts of the rows under their header, before which lines may be blank; columns by position may do without one."""
    opening, first = next((row for row in rows if isinstance(row[1], str) or any(map(str.strip, row[1]))), ("", []))
    if isinstance(first, str):
        raise broken(opening, first)
    if not first:
        return
    known = any(map(columns.known, first))
    headed = known or not all(name.isdigit() and name not in first for name in wanted.named or [""])
    if headed and not known and "\ufffd" in "".join(first) and not set(first).intersection(wanted.named):
        raise DataError("the header is not valid UTF-8", fix="convert it: iconv -f ENCODING -t UTF-8 OLD > NEW")
    names = delimited.names(first) if headed else delimited.positions(len(first))
    reading = wanted.among(names, names)
    if not (known or wanted.named):
        wanted.say(f"Note: {opening} is taken for the header; if it is a text, pass --text-column 1")
    for place, fields in rows if headed else chain([(opening, first)], rows):
        if isinstance(fields, str):
            raise broken(place, fields)
        if not fields:
            yield ""
        elif len(fields) != len(names):
            raise broken(place, f"{delimited.counted(len(fields))} instead of {len(names)}")
        else:
            yield read_row(reading, dict(zip(names, fields, strict=True)), place)


def from_parquet(stream: BinaryIO, wanted: Wanted) -> Iterator[str]:
    """Every row of a table; only the columns that are read are decoded, and never all rows at once."""
    with tables.opened(stream) as file:
        names = file.schema_arrow.names
        empty = [name for name in tables.empty_columns(file) if columns.called_text(name)]
        reading = wanted.among(names, [*tables.string_columns(file), *empty])
        for number, values in enumerate(tables.rows_of(file, list(reading.columns)), 1):
            yield encodable(read_row(reading, values, f"row {number}"))


def read_row(reading: Reading, values: Mapping[str, object], place: str) -> str:
    """The text of a record; DataError names its place if that cannot be had."""
    try:
        return reading.text(values)
    except ValueError as error:
        raise broken(place, str(error)) from None


def tab_fields(line: str) -> list[str]:
    """Fields of a line with tabs, none of a blank line."""
    if not line or line.isspace():
        return []
    if '"' in line:
        try:
            return next(csv.reader([line], delimiter="\t", strict=True))
        except csv.Error:
            pass
    return line.split("\t")


def text_columns(names: Sequence[str], strings: Sequence[str], asked: Sequence[str] | None) -> tuple[str, ...]:
    """The columns asked for, else the one of those that may hold strings whose name is known, else the only one."""
    if asked:
        return tuple(columns.find(name, names) for name in asked)
    columns.refuse_other_text(names, strings)
    named = columns.by_name(columns.TEXT_NAMES, strings, "text")
    left = [name for name in strings if not columns.names_rows(name)]
    if named is None and len(left) > 1:
        raise columns.ambiguous("text", left)
    if named is None and not left:
        raise DataError(f"no column holds text: {columns.quoted(names)}", fix="pass --text-column NAME")
    return (named or left[0],)


def broken(place: str, why: str) -> DataError:
    """Say which line cannot be read."""
    return DataError(f"{place}: {why}", fix="mend or remove it")


def unended(line: str) -> str:
    """A line without its ending."""
    if line.endswith("\n"):
        return line[:-2] if line.endswith("\r\n") else line[:-1]
    return line


def may_hold_text(name: str, value: object) -> bool:
    """Whether the texts may be in a column of which only the first value is known; one called text has nothing else."""
    return value is None or isinstance(value, str) or columns.called_text(name)


def refuse_late_text(values: Mapping[str, object], reading: Reading) -> None:
    """Raise ValueError for a column called text that the first object did not have, when another was taken for it."""
    for name in values:
        if columns.called_text(name) and name not in reading.columns:
            raise ValueError(f"there is a column '{name}' here, and {columns.quoted(reading.columns)} was read so far")


def encodable(text: str) -> str:
    """The text with U+FFFD for halves of characters, which JSON can write and UTF-8 cannot."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


READERS: dict[InputFormat, Callable[[Iterator[str], Wanted], Iterator[str]]] = {
    "lines": from_lines,
    "jsonl": from_jsonl,
    "csv": from_csv,
    "tsv": from_tsv,
    "fasttext": from_fasttext,
}
