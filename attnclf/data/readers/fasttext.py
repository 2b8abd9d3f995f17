"""fastText files → records: each line is `__label__x __label__y text`."""

from collections.abc import Iterator

from attnclf.data.rows import BadRow, Record
from attnclf.data.source import Source
from attnclf.data.streams import lines, open_bytes

PREFIX = "__label__"


def records(source: Source) -> Iterator[Record | BadRow]:
    """Read one record a line; blank lines are no rows, a label after the text begins is a bad row."""
    with open_bytes(source.path) as stream:
        for number, line in enumerate(lines(stream), 1):
            if line.isspace():
                continue
            labels, text = split(line.rstrip("\r\n"))
            if "" in labels:
                yield BadRow(f"line {number}", f"{PREFIX} without a name")
            elif PREFIX in text:
                yield BadRow(f"line {number}", f"a {PREFIX} after the text has begun")
            else:
                yield Record(f"line {number}", {"text": text, "label": labels})


def split(line: str) -> tuple[list[str], str]:
    """Part the labels at the start of a line from the text after them."""
    labels = []
    rest = line.lstrip()
    while rest.startswith(PREFIX):
        word, *after = rest.split(maxsplit=1)
        labels.append(word.removeprefix(PREFIX))
        rest = after[0] if after else ""
    return labels, rest if labels else line
