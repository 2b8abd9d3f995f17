"""Which sign parts the columns of a delimited file, and whether quotes mean anything in it."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Literal

# The csv module refuses fields above 128 KiB unless told otherwise, and the setting is its own global.
csv.field_size_limit(2**31 - 1)

# Rarest in prose first: where two signs fit equally well, the rarer is less likely to fit by chance.
DELIMITERS = "\t;,"
NAMED = re.compile(r"""("?)sep=([^\w\s"]|\t)\1\s*""", re.IGNORECASE)  # a first line of Excel's, which is no row

Quoting = Literal[0, 3]
QUOTED: Quoting = csv.QUOTE_MINIMAL
UNQUOTED: Quoting = csv.QUOTE_NONE


def sniff(lines: Sequence[str], delimiters: str = DELIMITERS) -> tuple[str, Quoting]:
    """Delimiter and quoting that split the most records into as many columns as the first, two at least.

    A first line that names the delimiter is believed. Quotes are taken literally only between tabs, and only if that
    fits better. Tools that write tabs often have no quoting at all; between commas an odd quote is damage.
    """
    if lines and (said := NAMED.fullmatch(lines[0])):
        delimiters, lines = said[2], lines[1:]
    delimiter = max(delimiters, key=lambda candidate: evenness(lines, candidate, QUOTED))
    literal = delimiter == "\t" and evenness(lines, "\t", UNQUOTED) > evenness(lines, "\t", QUOTED)
    return delimiter, UNQUOTED if literal else QUOTED


def without_name(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines, a blank one in place of a first one that names the delimiter: the others keep their numbers."""
    rest = iter(lines)
    return chain(("\n" if NAMED.fullmatch(line) else line for line in islice(rest, 1)), rest)


def evenness(lines: Sequence[str], delimiter: str, quoting: Quoting) -> float:
    """Share of records with as many columns as the first one; 0 if that has only one."""
    counts: list[int] = []
    reader = csv.reader(iter(lines), delimiter=delimiter, quoting=quoting, strict=True)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            break
        except csv.Error:
            counts.append(0)
            continue
        if fields:
            counts.append(len(fields))
    return counts.count(counts[0]) / len(counts) if counts and counts[0] > 1 else 0.0
