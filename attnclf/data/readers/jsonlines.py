"""jsonl files, and json files that hold an array of objects → records."""

import json
from collections.abc import Iterator, Mapping
from io import TextIOWrapper
from typing import TextIO

from attnclf.data.cells import kind
from attnclf.data.rows import BLANK, BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.errors import DataError

CHUNK = 1 << 20
DIGITS = 4_300  # of a whole number that Python converts


def whole(written: str) -> int | str:
    """Return a whole number, or as it is written one that Python refuses to convert: nobody may want that field."""
    return int(written) if len(written) <= DIGITS else written


DECODER = json.JSONDecoder(parse_int=whole)


def records(source: Source) -> Iterator[Entry]:
    """Read one object a line; broken lines are bad rows."""
    first = True
    for number, line in enumerate(source.lines(), 1):
        if line.isspace():
            yield BLANK
            continue
        if first and source.unlabelled and line.lstrip().startswith("["):
            raise DataError(
                "this is a JSON array, and one object a line (jsonl) is wanted",
                fix="pass --input-format json, or convert an array of strings: jq -c '.[] | {text: .}' OLD > NEW.jsonl",
            )
        first = False
        try:
            yield Record(f"line {number}", parse(line))
        except ValueError as error:
            yield BadRow(f"line {number}", str(error))


def array_records(source: Source) -> Iterator[Entry]:
    """Read an array of objects without holding all of it; DataError if it is broken, for the rest is then lost."""
    with source.open() as stream:
        characters = TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape")
        try:
            for number, value in enumerate(array(characters), 1):
                if isinstance(value, Mapping):
                    yield Record(f"row {number}", value)
                else:
                    yield BadRow(f"row {number}", f"{kind(value)} where an object should be")
        finally:
            characters.detach()  # whoever opened the stream closes it


def parse(line: str) -> Mapping[str, object]:
    """Parse one line that holds an object; ValueError names its fault."""
    try:
        value = DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"broken JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("broken JSON: nested too deeply") from None
    if not isinstance(value, Mapping):
        raise ValueError(f"{kind(value)} where an object should be")
    return value


def array(stream: TextIO) -> Iterator[object]:
    """Items of a JSON array, one at a time."""
    buffer = Buffer(stream)
    if buffer.sign() != "[":
        raise DataError("the file is not a JSON array of objects", fix="write one, or one object a line (jsonl)")
    buffer.at += 1
    count = 0
    while buffer.sign() != "]":
        if count:
            if buffer.sign() != ",":
                raise broken(count, "a comma or ] should follow")
            buffer.at += 1
            buffer.sign()
        count += 1
        yield buffer.value(count)


class Buffer:
    """The part of a JSON text that has been read but not yet used; `at` is how far it is used."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.text = ""
        self.at = 0
        self.ended = False

    def more(self) -> None:
        """Read on, each time as much again as is waiting, so that a huge item costs few attempts."""
        waiting = self.text[self.at :]
        read = self.stream.read(max(CHUNK, len(waiting)))
        self.text, self.at, self.ended = waiting + read, 0, not read

    def sign(self) -> str:
        """Skip white space and return the next character, "" at the end."""
        while True:
            while self.at < len(self.text) and self.text[self.at] in " \t\r\n":
                self.at += 1
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self.more()

    def value(self, number: int) -> object:
        """Parse the value that starts here."""
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except ValueError as error:
                if self.ended:
                    raise broken(number, str(error)) from None
            except RecursionError:
                raise broken(number, "nested too deeply") from None
            else:
                # A number may go on in what is not yet read.
                if end < len(self.text) or self.ended:
                    self.at = end
                    return value
            self.more()


def broken(number: int, why: str) -> DataError:
    """Say where an array breaks off."""
    return DataError(
        f"the JSON array is broken at row {number}: {why}", fix="write it again, or one object a line (jsonl)"
    )
