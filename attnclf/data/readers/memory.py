"""Rows in memory → records: lists, data frames, Arrow tables and datasets, known by what they can do.

No library is imported here: whoever passes such an object has imported its library.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from attnclf.data.readers import tables
from attnclf.data.rows import BadRow, Entry, Record
from attnclf.data.source import Source
from attnclf.errors import DataError


def accepts(data: object) -> bool:
    """Whether an object holds rows: a list, a column, a data frame, an Arrow table or a dataset (no lazy one)."""
    if isinstance(data, list | tuple):
        return True
    if isinstance(data, Mapping):
        return False
    return any(hasattr(data, name) for name in ("to_batches", "itertuples", "iter_rows", "num_rows", "tolist"))


def records(source: Source) -> Iterator[Entry]:
    """Yield the rows, counted from 1. DataError for two columns with one name."""
    data: Any = source.data
    names = [str(name) for name in getattr(data, "column_names", getattr(data, "columns", ()))]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"two columns are called '{twice}'", fix="rename one of them")
    if hasattr(data, "with_format"):  # datasets.Dataset
        features = {} if source.unlabelled else data.features
        yield from tables.numbered(tables.unpacked(data.with_format("arrow").iter(tables.BATCH)), features)
    elif hasattr(data, "to_batches"):  # pyarrow.Table
        features = {} if source.unlabelled else tables.features_of(data.schema)
        yield from tables.numbered(tables.unpacked(data.to_batches(tables.BATCH)), features)
    elif hasattr(data, "iter_rows"):  # polars
        yield from _numbered(data.iter_rows(named=True))
    elif hasattr(data, "itertuples"):  # pandas
        columns = (data.iloc[:, index].astype(object) for index in range(len(names)))
        cells = zip(*(column.where(column.notna(), None) for column in columns), strict=True)
        yield from _numbered(dict(zip(names, row, strict=True)) for row in cells)
    else:
        yield from _numbered(data if isinstance(data, list | tuple) else data.tolist())


def _numbered(items: Any) -> Iterator[Entry]:
    for number, item in enumerate(items, 1):
        values = plain(item)
        if isinstance(values, list) and len(values) == 2:
            values = {"text": values[0], "label": values[1]}
        elif isinstance(values, str):
            values = {"text": values}
        if isinstance(values, dict):
            yield Record(f"row {number}", values)
        else:
            what = f"{len(values)} values" if isinstance(values, list) else repr(item)
            yield BadRow(f"row {number}", f"{what}, not a text, a (text, label) pair or a dict")


def plain(value: Any) -> Any:
    """Return a value without types of numpy and pandas; None for NaN, NaT and NA."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value):
        return None
    return value
