"""Plain text files: every line is a text, without a label."""

from collections.abc import Iterator

from attnclf.data.rows import Entry, Record
from attnclf.data.source import Source
from attnclf.data.streams import unended


def records(source: Source) -> Iterator[Entry]:
    """Read one text a line."""
    for number, text in enumerate(texts(source), 1):
        yield Record(f"line {number}", {"text": text})


def texts(source: Source) -> Iterator[str]:
    """Read one text a line and nothing else, for there may be very many."""
    return map(unended, source.lines())
