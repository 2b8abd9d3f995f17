"""Parquet files and Hugging Face datasets → records, through `datasets`, imported only when one is read."""

import contextlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from attnclf.data import columns
from attnclf.data.rows import Entry, Record
from attnclf.data.source import Source
from attnclf.errors import DataError

BATCH = 1000  # rows that are decoded together
FEW = 100  # rows that are decoded together where one value is looked for: a row may be a picture
UNREADABLE = "surrogateescape"  # for bytes that are not UTF-8: what reads the text notices them


def records(source: Source) -> Iterator[Entry]:
    """Read a parquet file row by row, a batch at a time; class numbers become class names where the file has them."""
    with opened(source.stream or source.path) as file:
        features = {} if source.unlabelled else features_of(file.schema_arrow)
        yield from numbered(rows_of(file, source.columns), features)


def text_columns(source: Source) -> tuple[list[str], list[str]]:
    """Return the names of all columns of a parquet file, and of those that may hold a text."""
    with opened(source.stream or source.path) as file:
        empty = [name for name in empty_columns(file) if columns.called_text(name)]
        return file.schema_arrow.names, [*string_columns(file), *empty]


def is_parquet(head: bytes) -> bool:
    """Whether a file starts as parquet does."""
    return head.startswith(b"PAR1")


def rows_of(file: Any, only: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ParquetFile, with only these columns, and never all at once; DataError where it is damaged.

    Bytes in columns of bytes that hold text become text.
    """
    written = [name for name in bytes_columns(file) if (only is None or name in only) and is_written(file, name)]
    for row in undamaged(file, only):
        for name in written:
            if isinstance(value := row.get(name), bytes):
                row[name] = value.decode("utf-8", UNREADABLE)
        yield row


def undamaged(file: Any, only: Sequence[str] | None, batch: int = BATCH) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ParquetFile as they are stored; DataError where the file is damaged."""
    import pyarrow

    try:
        yield from unpacked(file.iter_batches(batch, columns=only))
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"the file is damaged: {first_line(error)}", fix="copy it again") from error


def features_of(schema: Any) -> dict[str, Any]:
    """Return the `datasets` features of a pyarrow schema; there are none for some kinds (maps)."""
    import datasets
    import pyarrow

    found: dict[str, Any] = {}
    for column in schema:
        with contextlib.suppress(ValueError, NotImplementedError):
            found |= datasets.Features.from_arrow_schema(pyarrow.schema([column], metadata=schema.metadata))
    return found


def opened(where: Path | BinaryIO) -> Any:
    """Open a parquet file, or a stream that can seek, as pyarrow's ParquetFile; raises DataError if it is none."""
    import pyarrow
    import pyarrow.parquet

    try:
        return pyarrow.parquet.ParquetFile(where)
    except (pyarrow.ArrowInvalid, EOFError) as error:
        raise DataError(
            f"not a parquet file: {first_line(error)}", fix="pass --input-format if it is another"
        ) from error


def string_columns(file: Any) -> list[str]:
    """Names of the columns of a ParquetFile that hold strings, or their bytes in UTF-8."""
    from pyarrow import types

    strings = of_kinds(file, types.is_string, types.is_large_string, types.is_string_view)
    return [*strings, *(name for name in bytes_columns(file) if is_written(file, name))]


def bytes_columns(file: Any) -> list[str]:
    """Names of the columns of a ParquetFile that hold bytes."""
    from pyarrow import types

    return of_kinds(file, types.is_binary, types.is_large_binary, types.is_binary_view)


def empty_columns(file: Any) -> list[str]:
    """Names of the columns that have the type of nulls alone."""
    from pyarrow import types

    return of_kinds(file, types.is_null)


def of_kinds(file: Any, *kinds: Callable[[Any], bool]) -> list[str]:
    """Names of the columns of a ParquetFile whose type, or that of its dictionary, is of one of these kinds."""
    from pyarrow import types

    def value(kind: Any) -> Any:
        return kind.value_type if types.is_dictionary(kind) else kind

    return [column.name for column in file.schema_arrow if any(kind(value(column.type)) for kind in kinds)]


def is_written(file: Any, column: str) -> bool:
    """Return whether the first value of a column of bytes is text: many programs write text as plain bytes."""
    values = (row.get(column) for row in undamaged(file, [column], FEW))
    return is_text(next((value for value in values if value is not None), None))


def is_text(value: object) -> bool:
    """Return whether bytes are UTF-8 without NULs; no bytes may be."""
    if not isinstance(value, bytes):
        return value is None
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


def hub_records(source: Source) -> Iterator[Entry]:
    """Read one split of a hub dataset, "train" if none is named."""
    splits = load(source.location)
    split = source.split or "train"
    if split not in splits:
        raise DataError(f"there is no split '{split}'", fix=f"the splits are {', '.join(splits)}")
    dataset = splits[split]
    yield from numbered(unpacked(dataset.with_format("arrow").iter(BATCH)), dataset.features)


def hub_splits(argument: str) -> tuple[str, ...]:
    """Names of the splits of an `hf:` argument, in the order of the dataset."""
    return tuple(load(argument.removeprefix("hf:")))


def hub_size(source: Source) -> int:
    """Bytes of a hub dataset in memory, the split's own if it is known."""
    dataset = load(source.location).get(source.split or "train")
    return 0 if dataset is None else int(dataset.data.nbytes)


def parquet_size(source: Source) -> int:
    """Bytes of a parquet file's columns once decompressed."""
    import pyarrow.parquet

    metadata = pyarrow.parquet.read_metadata(source.path)
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def load(location: str) -> Mapping[str, Any]:
    """Dataset of every split; `location` is "name", "name:config", or the path of a dataset folder."""
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    name, config = part(location)
    saved = any((Path(name) / marker).is_file() for marker in ("dataset_dict.json", "state.json"))
    try:
        loaded = datasets.load_from_disk(name) if saved else datasets.load_dataset(name, config)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"the dataset cannot be loaded: {first_line(error.__cause__ or error)}",
            fix="check its name, its configuration (hf:name:config) and the connection",
        ) from error
    if isinstance(loaded, datasets.Dataset):
        return {"train": loaded}
    return {str(split): dataset for split, dataset in loaded.items()}


def part(location: str) -> tuple[str, str | None]:
    """Part name and configuration; a path that exists is a name, colons and all."""
    if Path(location).exists() or ":" not in location:
        return location, None
    name, config = location.rsplit(":", 1)
    return name, config


def unpacked(batches: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """Rows of Arrow batches."""
    return chain.from_iterable(batch.to_pylist() for batch in batches)


def numbered(rows: Iterable[dict[str, Any]], features: Mapping[str, Any]) -> Iterator[Record]:
    """Rows as records, counted from 1."""
    names = {column: name for column, feature in features.items() if (name := namer(feature)) is not None}
    for number, values in enumerate(rows, 1):
        for column, name in names.items():
            values[column] = name(values[column])
        yield Record(f"row {number}", values)


def namer(feature: Any) -> Callable[[Any], object] | None:
    """From class numbers to class names, None for a column that holds no class numbers; -1 stands for no label."""
    import datasets

    if isinstance(feature, datasets.ClassLabel):
        return lambda value: None if value is None or value < 0 else feature.int2str(value)
    inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) else None)
    if isinstance(inner, datasets.ClassLabel):
        return lambda values: None if values is None else [inner.int2str(value) for value in values]
    return None


def first_line(error: BaseException) -> str:
    """First line of an error's text, without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
