"""Whether the first record of a delimited file names the columns, and what the columns are called."""

from collections.abc import Sequence

from attnclf.data.columns import known
from attnclf.errors import DataError

LONGEST_NAME = 100  # characters; a longer first cell is a text, not the name of a column


def has_header(first: Sequence[str], below: Sequence[Sequence[str]], asked: Sequence[str] = ()) -> bool:
    """Whether the first record names the columns; `below` are records under it, none where they are not there yet.

    It does if a cell is a usual name of a text or label column, or one of the names that were asked for. It does not
    if only positions were asked for, or if a cell recurs further down its column, is a number above numbers, or is as
    long as a text.
    """
    if any(map(known, first)):
        return True
    if asked:
        names = [name for name in asked if not name.isdigit() or name in first]
        if not names or set(names).intersection(first):
            return bool(names)
    columns = [[row[index] for row in below if len(row) == len(first)] for index in range(len(first))]
    return not any(looks_like_data(cell, column) for cell, column in zip(first, columns, strict=True))


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
    """Names of the columns of a file without a header line: "1", "2", and so on."""
    return tuple(str(index) for index in range(1, count + 1))
