"""What a DATA argument is: a file of some format, a folder, a name on the hub, or stdin."""

import atexit
import difflib
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal, get_args

from attnclf.data import delimiters
from attnclf.data.streams import open_bytes, without_mark
from attnclf.errors import DataError

Format = Literal["csv", "tsv", "jsonl", "json", "parquet", "fasttext", "folder", "hub", "lines"]
# A hub dataset is asked for with the prefix hf:, not with --input-format.
FORMATS: tuple[str, ...] = tuple(name for name in get_args(Format) if name != "hub")

EXTENSIONS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".ft": "fasttext",
    ".fasttext": "fasttext",
    ".txt": "lines",
    ".text": "lines",
    "": "lines",
}
HUB_PREFIX = "hf:"
FASTTEXT_LINE = re.compile(rb"\s*__label__\S+(\s|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where the data is: `name` is said aloud, `location` is the path, or the hub dataset's "name" or "name:config"."""

    name: str
    format: Format
    location: str
    split: str | None = None

    @property
    def path(self) -> Path:
        """The file or folder (not for the hub)."""
        return Path(self.location)


def detect(argument: str, *, format: str | None = None) -> Source:
    """Find out what a DATA argument is; raises DataError when it is missing or of an unknown format.

    Stdin and pipes can be read only once, so they are first copied to a temporary file, removed at exit.
    """
    if format is not None and format not in FORMATS:
        near = difflib.get_close_matches(format, FORMATS, n=1)
        raise DataError(f"unknown format '{format}'", fix=f"use one of: {', '.join(near or FORMATS)}")
    if argument.startswith(HUB_PREFIX):
        return Source(name=argument, format="hub", location=argument.removeprefix(HUB_PREFIX))
    if argument == "-":
        if sys.stdin is None:
            raise DataError("stdin is closed", fix="pipe the data in, or name a file")
        path = spool(sys.stdin.buffer)
        return Source(name="stdin", format=as_format(format) or sniff_stream(path), location=str(path))
    path = Path(argument)
    if not present(path):
        raise missing(path, hub=True)
    if path.is_dir():
        if format not in (None, "folder"):
            raise DataError(f"{argument} is a folder, not a {format} file", fix="name the file in it")
        return Source(name=path.name or str(path), format="folder", location=argument)
    if format == "folder":
        raise DataError(f"{argument} is a file, not a folder", fix="leave --input-format out, or name the folder")
    if not path.is_file():
        with path.open("rb") as pipe:
            path = spool(pipe)
        return Source(name=argument, format=as_format(format) or sniff_stream(path), location=str(path))
    return Source(name=path.name, format=as_format(format) or format_of(path), location=argument)


def format_of(path: Path) -> Format:
    """Format of a file by its extension and, where that leaves it open, by its first bytes."""
    extension = extension_of(path)
    named = EXTENSIONS.get(extension)
    if named in ("csv", "tsv", "parquet", "jsonl"):
        return named
    head = head_of(path)
    if named == "json":
        # Many .json files hold one object a line.
        return "jsonl" if head.lstrip().startswith(b"{") else "json"
    if is_fasttext(head):
        return "fasttext"
    if named is None:
        raise DataError(
            f"{path.name} has an extension that is not known, '{extension}'",
            fix=f"pass --input-format with one of: {', '.join(FORMATS)}",
        )
    return named


def sniff_stream(path: Path) -> Format:
    """Format of data that came without a name, by its first bytes."""
    head = head_of(path)
    start = head.lstrip()
    if head.startswith(b"PAR1"):
        return "parquet"
    if start.startswith(b"{"):
        return "jsonl"
    if start.startswith(b"["):
        return "json"
    if is_fasttext(head):
        return "fasttext"
    delimiter, _ = delimiters.sniff(head.decode("utf-8", "replace").split("\n"))
    return "tsv" if delimiter == "\t" else "csv"


def is_fasttext(head: bytes) -> bool:
    """Whether the first lines with anything on them start with __label__."""
    filled = (line for line in head.splitlines() if line.strip())
    first = list(islice(filled, 5))
    return bool(first) and sum(FASTTEXT_LINE.match(line) is not None for line in first) > len(first) / 2


def head_of(path: Path, size: int = 1 << 16) -> bytes:
    """First bytes of a file, decompressed, without a byte order mark."""
    with open_bytes(path) as stream:
        return without_mark(stream.read(size), path.name)


def extension_of(path: Path) -> str:
    """Extension in lower case, that of the compressed file where the file is compressed."""
    inner = path.with_suffix("") if path.suffix.lower() == ".gz" else path
    return inner.suffix.lower()


def as_format(name: str | None) -> Format | None:
    """A format's name, already checked, as its type."""
    return next((known for known in get_args(Format) if known == name), None)


def present(path: Path) -> bool:
    """Whether there is such a file or folder; a text given in place of a name may be too long to be one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def missing(path: Path, *, hub: bool = False) -> DataError:
    """Say that a path does not exist, with a near name in the same folder, or that of a dataset on the hub, if any."""
    folder = path.parent
    if not folder.is_dir():
        return DataError(f"{path} does not exist: there is no folder {folder}", fix="check the path")
    near = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()], n=3)
    if near:
        return DataError(f"{path} does not exist", fix=f"did you mean {' or '.join(str(folder / n) for n in near)}?")
    name = f", or write {HUB_PREFIX}{path.as_posix()} for a dataset on the Hugging Face hub"
    return DataError(f"{path} does not exist", fix=f"check the path{name if hub and not path.suffix else ''}")


def spool(stream: BinaryIO) -> Path:
    """Copy a stream that can be read once to a temporary file, removed at exit."""
    with tempfile.NamedTemporaryFile(prefix="attnclf-", delete=False) as copy:
        atexit.register(Path(copy.name).unlink, missing_ok=True)
        shutil.copyfileobj(stream, copy)
    return Path(copy.name)
