"""Unlabelled texts for prediction, one by one as they arrive: constant memory, no reading ahead, no numpy."""

import csv
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from attnclf.data import cells, columns, delimiters
from attnclf.data.readers import delimited, fasttext, jsonlines
from attnclf.data.source import EXTENSIONS, extension_of, missing, present
from attnclf.data.streams import DAMAGE, open_bytes, without_mark
from attnclf.errors import DataError

InputFormat = Literal["lines", "jsonl", "csv", "tsv", "fasttext"]
INPUT_FORMATS: tuple[InputFormat, ...] = get_args(InputFormat)


@dataclass(slots=True)
class Damage:
    """How many lines so far were not valid UTF-8 and were read with U+FFFD in place of the broken bytes."""

    lines: int = 0


def texts(
    stream: BinaryIO,
    *,
    format: InputFormat,
    text_columns: Sequence[str] | None = None,
    damage: Damage | None = None,
) -> Iterator[str]:
    """Yield the text of each record as soon as its line is there, "" for a blank one.

    Of a line only its ending is stripped. DataError names the line that is broken, or the columns if none is the text.
    """
    return READERS[format](decoded(stream, damage or Damage()), text_columns)


@contextmanager
def open_input(
    argument: str,
    *,
    format: str | None = None,
) -> Iterator[tuple[BinaryIO, InputFormat]]:
    """Open a file, or stdin for "-", with its format: the one asked for, else by extension, else plain lines."""
    if format is not None and format not in INPUT_FORMATS:
        raise DataError(f"{format} cannot be read line by line", fix=f"use one of: {', '.join(INPUT_FORMATS)}")
    if argument == "-":
        if sys.stdin is None:
            raise DataError("stdin is closed", fix="pipe texts into it, or name a file")
        yield sys.stdin.buffer, format or "lines"
        return
    path = Path(argument)
    if not present(path):
        raise missing(path)
    if path.is_dir():
        raise DataError(f"{argument} is a folder", fix="name a file in it")
    named = format or EXTENSIONS.get(extension_of(path), "lines")
    if named == "json":
        named = "jsonl"
    if named not in INPUT_FORMATS:
        raise DataError(f"{path.name} is a {named} file", fix=f"write it as one of: {', '.join(INPUT_FORMATS)}")
    with open_bytes(path) as stream:
        yield stream, named


def decoded(stream: BinaryIO, damage: Damage) -> Iterator[str]:
    """Lines of text, with their endings."""
    try:
        line = without_mark(stream.readline())
        while line:
            try:
                text = line.decode()
            except UnicodeDecodeError:
                damage.lines += 1
                text = line.decode("utf-8", "replace")
            yield text
            line = stream.readline()
    except DAMAGE as error:
        raise DataError(f"the file is damaged: {error}", fix="compress or copy it again") from error


def from_lines(lines: Iterator[str], _: Sequence[str] | None) -> Iterator[str]:
    """Every line is a text."""
    for line in lines:
        yield unended(line)


def from_fasttext(lines: Iterator[str], _: Sequence[str] | None) -> Iterator[str]:
    """Every line is a text, after the labels it may start with."""
    for line in lines:
        yield fasttext.split(unended(line))[1]


def from_jsonl(lines: Iterator[str], asked: Sequence[str] | None) -> Iterator[str]:
    """Every line is an object; its text is in the columns asked for, else in one with a known name."""
    chosen: tuple[str, ...] | None = None
    for number, line in enumerate(lines, 1):
        if line.isspace():
            yield ""
            continue
        try:
            values = jsonlines.parse(line)
            if chosen is None:
                strings = [name for name, value in values.items() if value is None or isinstance(value, str)]
                chosen = text_columns(tuple(values), strings, asked)
            if not any(column in values for column in chosen):
                raise ValueError(f"there is no {columns.quoted(chosen)}")
            text = cells.text_of(values, chosen)
        except ValueError as error:
            raise broken(f"line {number}", str(error)) from None
        yield encodable(text)


def from_csv(lines: Iterator[str], asked: Sequence[str] | None) -> Iterator[str]:
    """Every record is a row under a header line, which also tells the delimiter; a quoted field may span lines."""
    first = next(lines, "")
    delimiter, _ = delimiters.sniff([first])
    return from_rows(delimited.numbered(chain([first], lines), delimiter), asked)


def from_tsv(lines: Iterator[str], asked: Sequence[str] | None) -> Iterator[str]:
    """Every line is a row under a header line; quotes count only where they are well formed within the line."""
    return from_rows(((f"line {number}", tab_fields(unended(line))) for number, line in enumerate(lines, 1)), asked)


def from_rows(rows: Iterator[tuple[str, list[str] | str]], asked: Sequence[str] | None) -> Iterator[str]:
    """Texts of the rows under their header; columns asked for by position may do without one."""
    opening, first = next(rows, ("line 1", []))
    if isinstance(first, str):
        raise broken(opening, first)
    if not first:
        return
    headed = any(map(columns.known, first)) or not all(name.isdigit() and name not in first for name in asked or [""])
    names = delimited.names(first) if headed else delimited.positions(len(first))
    chosen = text_columns(names, names, asked)
    for place, fields in rows if headed else chain([(opening, first)], rows):
        if isinstance(fields, str):
            raise broken(place, fields)
        if not fields:
            yield ""
        elif len(fields) != len(names):
            raise broken(place, f"{delimited.counted(len(fields))} instead of {len(names)}")
        else:
            yield cells.text_of(dict(zip(names, fields, strict=True)), chosen)


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
    named = columns.by_name(columns.TEXT_NAMES, strings, "text")
    if named is None and len(strings) > 1:
        raise columns.ambiguous("text", strings)
    if named is None and not strings:
        raise DataError(f"no column holds text: {columns.quoted(names)}", fix="pass --text-column NAME")
    return (named or strings[0],)


def broken(place: str, why: str) -> DataError:
    """Say which line cannot be read."""
    return DataError(f"{place}: {why}", fix="mend or remove it")


def unended(line: str) -> str:
    """A line without its ending."""
    if line.endswith("\n"):
        return line[:-2] if line.endswith("\r\n") else line[:-1]
    return line


def encodable(text: str) -> str:
    """The text with U+FFFD for halves of characters, which JSON can write and UTF-8 cannot."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


READERS: dict[InputFormat, Callable[[Iterator[str], Sequence[str] | None], Iterator[str]]] = {
    "lines": from_lines,
    "jsonl": from_jsonl,
    "csv": from_csv,
    "tsv": from_tsv,
    "fasttext": from_fasttext,
}
