"""The table of data formats: a new format is a reader, a row here, and a line of docs/data.md."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from attnclf.data import delimiters
from attnclf.data.readers import delimited, fasttext, folder, jsonlines, memory, plain, tables
from attnclf.data.rows import Entry
from attnclf.data.source import Source
from attnclf.data.streams import GZIP_MAGIC
from attnclf.errors import DataError

GZIP_RATIO = 3  # text seldom compresses less


def stored_size(source: Source) -> int:
    """Bytes of a file, uncompressed; for gzip an estimate, never below the size in its own trailer."""
    stored = source.path.stat().st_size
    with source.path.open("rb") as stream:
        if stream.read(2) != GZIP_MAGIC or stored < 4:
            return stored
        stream.seek(-4, 2)
        return max(GZIP_RATIO * stored, int.from_bytes(stream.read(4), "little"))


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFormat:
    """What is known of one format. `read` yields its entries, labelled or not, and never holds all of them."""

    read: Callable[[Source], Iterator[Entry]]
    extensions: tuple[str, ...] = ()  # of its files, in lower case, without .gz
    starts: Callable[[bytes], bool] | None = None  # whether the first bytes of a file are of this format
    often: tuple[str, ...] = ()  # formats that files with these extensions have as often: the first bytes decide
    named_columns: bool = True  # a person can name columns; else they are "text" and "label"
    ragged: bool = False  # each record brings its own columns
    labelled: bool = True  # there are labels
    from_pipe: bool = True  # it can be predicted while it arrives
    container: bool = False  # a folder, a hub dataset or an object: --input-format makes no file of it
    text_columns: Callable[[Source], tuple[list[str], list[str]]] | None = None  # all, and those that hold text
    texts: Callable[[Source], Iterator[str]] | None = None  # a shorter way to the texts, where there is nothing else
    size: Callable[[Source], int] = stored_size  # bytes of the data, uncompressed
    accepts: Callable[[object], bool] | None = None  # whether an object in memory is of this format


FORMATS: dict[str, DataFormat] = {
    "csv": DataFormat(read=delimited.records, extensions=(".csv",)),
    "tsv": DataFormat(read=delimited.records, extensions=(".tsv", ".tab")),
    "jsonl": DataFormat(
        read=jsonlines.records,
        extensions=(".jsonl", ".ndjson"),
        starts=lambda head: head.lstrip().startswith(b"{"),
        ragged=True,
    ),
    "json": DataFormat(
        read=jsonlines.array_records,
        extensions=(".json",),
        starts=lambda head: head.lstrip().startswith(b"["),
        often=("jsonl",),
        ragged=True,
    ),
    "parquet": DataFormat(
        read=tables.records,
        extensions=(".parquet",),
        starts=tables.is_parquet,
        from_pipe=False,
        text_columns=tables.text_columns,
        size=tables.parquet_size,
    ),
    "fasttext": DataFormat(
        read=fasttext.records, extensions=(".ft", ".fasttext"), starts=fasttext.starts, named_columns=False
    ),
    "folder": DataFormat(read=folder.records, named_columns=False, container=True, size=folder.size),
    "hub": DataFormat(read=tables.hub_records, container=True, size=tables.hub_size),
    "memory": DataFormat(
        read=memory.records, ragged=True, container=True, size=lambda source: 0, accepts=memory.accepts
    ),
    "lines": DataFormat(
        read=plain.records,
        extensions=(".txt", ".text", ""),
        often=("fasttext",),
        named_columns=False,
        labelled=False,
        texts=plain.texts,
    ),
}


def selectable() -> list[str]:
    """Return the names that `--input-format` takes; a hub dataset has the prefix hf: instead."""
    return [name for name, row in FORMATS.items() if name != "hub" and row.accepts is None]


def extensions() -> Mapping[str, str]:
    """Return the format of each extension."""
    return {extension: name for name, row in FORMATS.items() for extension in row.extensions}


def extension_of(path: Path) -> str:
    """Extension in lower case, that of the compressed file where the file is compressed."""
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def by_name(name: str) -> str | None:
    """Return the format of a file by its extension alone, None if that is not known."""
    return extensions().get(extension_of(Path(name)))


def by_content(head: bytes) -> str:
    """Return the format of data that came without a name, by its first bytes."""
    for name, row in FORMATS.items():
        if row.starts is not None and row.starts(head):
            return name
    delimiter, _ = delimiters.sniff(head.decode("utf-8", "replace").split("\n"))
    return "tsv" if delimiter == "\t" else "csv"


def of_file(name: str, head: bytes) -> str | None:
    """Return the format of a file by its extension and, where that leaves it open, by its first bytes."""
    named = by_name(name)
    for other in FORMATS[named].often if named else FORMATS["lines"].often:
        starts = FORMATS[other].starts
        if starts is not None and starts(head):
            return other
    return named


def of_object(data: object) -> str:
    """Return the format of an object in memory; DataError if none reads it."""
    for name, row in FORMATS.items():
        if row.accepts is not None and row.accepts(data):
            return name
    raise DataError(
        f"data of type {type(data).__name__} cannot be read", fix="pass a path, or a list, data frame, dataset or table"
    )
