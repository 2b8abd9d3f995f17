"""fastText files → records: each line is `__label__x __label__y text`."""

import re
from collections.abc import Iterator
from itertools import islice

from attnclf.data.rows import BLANK, BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.data.streams import unended

PREFIX = "__label__"
FIRST = re.compile(rb"\s*__label__\S+(\s|$)")


def records(source: Source) -> Iterator[Entry]:
    """Read one record a line; a label after the text begins is a bad row."""
    for number, line in enumerate(source.lines(), 1):
        if line.isspace():
            yield BLANK
            continue
        labels, text = split(unended(line))
        values = {"text": text, "label": labels}
        if "" in labels:
            yield BadRow(f"line {number}", f"{PREFIX} without a name", values)
        elif PREFIX in text:
            yield BadRow(f"line {number}", f"a {PREFIX} after the text has begun", values)
        else:
            yield Record(f"line {number}", values)


def starts(head: bytes) -> bool:
    """Whether most of the first lines with anything on them start with a label."""
    first = list(islice((line for line in head.splitlines() if line.strip()), 5))
    return bool(first) and sum(FIRST.match(line) is not None for line in first) > len(first) / 2


def split(line: str) -> tuple[list[str], str]:
    """Part the labels at the start of a line from the text after them."""
    labels = []
    rest = line.lstrip()
    while rest.startswith(PREFIX):
        word, *after = rest.split(maxsplit=1)
        labels.append(word.removeprefix(PREFIX))
        rest = after[0] if after else ""
    return labels, rest if labels else line
