"""Which sign parts the columns of a delimited file, and whether quotes mean anything in it."""

import csv
from collections.abc import Sequence
from typing import Literal

# The csv module refuses fields above 128 KiB unless told otherwise, and the setting is its own global.
csv.field_size_limit(2**31 - 1)

# Rarest in prose first: where two signs fit equally well, the rarer is less likely to fit by chance.
DELIMITERS = "\t;,"

Quoting = Literal[0, 3]
QUOTED: Quoting = csv.QUOTE_MINIMAL
UNQUOTED: Quoting = csv.QUOTE_NONE


def sniff(lines: Sequence[str], delimiters: str = DELIMITERS) -> tuple[str, Quoting]:
    """Delimiter and quoting that split the most records into as many columns as the first, two at least.

    Quotes are taken literally only between tabs, and only if that fits better: tools that write tabs often have no
    quoting at all, while between commas an odd quote is damage.
    """
    delimiter = max(delimiters, key=lambda candidate: evenness(lines, candidate, QUOTED))
    literal = delimiter == "\t" and evenness(lines, "\t", UNQUOTED) > evenness(lines, "\t", QUOTED)
    return delimiter, UNQUOTED if literal else QUOTED


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
